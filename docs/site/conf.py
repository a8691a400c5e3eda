"""How Sphinx makes a site of the Markdown pages. They stay readable as they are; nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from docs.site import calls, contents, modules
from operations.version import installed_version

project = "Retinote"
author = "The Retinote authors"
copyright = "2026, the Retinote authors"
version = release = installed_version()

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = contents.FRONT
# Pages are docs/ and what lies beside the README; every other folder is code.
exclude_patterns = [
    *(path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "docs"),
    "docs/site",
]
source_suffix = {".md": "markdown"}
# Links into pages go by the names that code hosts give to headings.
myst_heading_anchors = 4
# Docstrings write `names` as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"Retinote {release}"
html_copy_source = False
html_show_sourcelink = False

# The web app's calls are described by its own code, which wants its settings.
os.environ.setdefault("RETINOTE_SECRET_KEY", "for the description of the API alone")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")


def setup(app: Sphinx) -> None:
    """Fill in what is not written by hand: the order of the pages, what is public in Python, the REST API's calls."""
    for fill_in in (contents.add_tables_of_contents, modules.add_docstrings, calls.add_calls):
        app.connect("source-read", fill_in)
