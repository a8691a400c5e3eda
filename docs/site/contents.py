"""Tables of contents: the order of the pages is written once, as the lists of docs/index.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FRONT = "docs/index"
DECISIONS = "docs/decisions/README"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
PAGE = re.compile(r"^- \[[^\]]+\]\(([^)#:]+)\.md\)", re.MULTILINE)


def add_tables_of_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Give the front page a table of contents for each heading, and the decisions' index one of all records."""
    if page == FRONT:
        source[0] += "".join(_tree(title, pages) for title, pages in sections(source[0]))
    elif page == DECISIONS:
        source[0] += _tree("", ["*"], ":glob:\n")


def sections(text: str) -> list[tuple[str, list[str]]]:
    """The headings of the front page, each with the pages that its list names (without their ending)."""
    parts = HEADING.split(text)[1:]
    return [
        (title, PAGE.findall(listed)) for title, listed in zip(parts[::2], parts[1::2], strict=True) if listed
    ]


def _tree(caption: str, pages: list[str], options: str = "") -> str:
    head = f":caption: {caption}\n" if caption else ""
    return "\n```{toctree}\n:hidden:\n" + head + options + "\n" + "\n".join(pages) + "\n```\n"
