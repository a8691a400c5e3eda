"""The model server's answer that the README shows: a real one, with what is long cut short."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs.site.errors import DocsError

BLOCK = re.compile(r"(<!-- answer: [^>]* -->\n```json\n).*?(```\n)", re.DOTALL)
MOST_CORNERS = 2
"""Corners of an outline that are shown."""
PICTURE_CHARACTERS = 60
"""Texts without a space and longer than this are pictures or hashes; only their beginning is shown."""


def write_answer(readme: Path, answer: Mapping[str, Any]) -> None:
    """Put an answer of the model server into the README's block for it.

    Raises:
        DocsError: the README has no such block.
    """
    text = readme.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise DocsError(
            f"{readme.name} has no block that begins with <!-- answer: … --> for the model server's answer"
        )
    shown = json.dumps(_shortened(answer), indent=2, ensure_ascii=False)
    shown = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda numbers: f"[{' '.join(numbers[1].split())}]", shown)
    readme.write_text(BLOCK.sub(lambda block: f"{block[1]}{shown}\n{block[2]}", text), encoding="utf-8")


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shortened(part) for key, part in value.items()}
    if isinstance(value, list):
        is_outline = len(value) > MOST_CORNERS and isinstance(value[0], list)
        return [_shortened(part) for part in (value[:MOST_CORNERS] if is_outline else value)] + [
            "…"
        ] * is_outline
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, str) and len(value) > PICTURE_CHARACTERS and " " not in value:
        return value[:24] + "…"
    return value
