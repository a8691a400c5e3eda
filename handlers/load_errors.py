"""The line in the log that says why a model was not loaded. Its writer and its reader share it. Free of torch."""

from __future__ import annotations

NOT_LOADED = "the model is not loaded:"
"""How the line begins."""
MAX_LENGTH = 400


def one_line(error: Exception) -> str:
    """The error's text in one line of at most `MAX_LENGTH` letters, or its type if it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} …"
