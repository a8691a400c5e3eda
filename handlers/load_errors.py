"""How it is said why a model was not loaded, by who loads it and for who reads it in a log. Free of torch."""

from __future__ import annotations

NOT_LOADED = "the model is not loaded:"
MAX_LENGTH = 400


def one_line(error: Exception) -> str:
    """The error's text in one line that is not too long to be shown to people."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} …"
