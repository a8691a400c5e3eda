"""The reference of what is public in Python: the docstrings of the modules that docs/reference-python.md lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "docs/reference-python"
NAME = re.compile(r"^\| \[`([\w.]+)`\]\(", re.MULTILINE)


def add_docstrings(app: Sphinx, page: str, source: list[str]) -> None:
    """Add a section for each row of the page's table: a module with its public names, or a class."""
    if page == PAGE:
        source[0] += "".join(_section(name) for name in NAME.findall(source[0]))


def _section(name: str) -> str:
    kind = "autoclass" if name.rpartition(".")[2][0].isupper() else "automodule"
    return f"\n## {name}\n\n```{{eval-rst}}\n.. {kind}:: {name}\n   :members:\n```\n"
