"""The docs as a site: every link leads somewhere, every page is listed, and nothing is fetched from elsewhere."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from docs.site import commands
from docs.site.errors import DocsError

TAG = re.compile(r"<[^>]*>")
OUTSIDE = re.compile(r"<(?:script|link|img|source|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*\"")
"""What a browser would fetch from elsewhere; links that a person may follow are none of it."""


@pytest.fixture
def few_pages(tmp_path: Path) -> Path:
    """A project of two pages."""
    pages = tmp_path / "project" / "docs"
    pages.mkdir(parents=True)
    (pages / "index.md").write_text("# Front\n\n## For all\n- [A page](page.md)\n")
    (pages / "page.md").write_text("# A page\n\nBack to [the front](index.md#for-all).\n")
    return tmp_path / "project"


def test_the_site_is_built_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    commands.build(tmp_path / "site")

    pages = {page: page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html")}
    assert {page.name: OUTSIDE.findall(text) for page, text in pages.items() if OUTSIDE.search(text)} == {}
    calls = (tmp_path / "site" / "docs" / "reference-rest.html").read_text(encoding="utf-8")
    assert "POST /api/v1/scans/" in TAG.sub("", calls)
    python = (tmp_path / "site" / "docs" / "reference-python.html").read_text(encoding="utf-8")
    assert "training.simulator.scans.simulate" in python


@pytest.mark.parametrize(
    ("page", "text", "fault"),
    [
        ("page.md", "# A page\n\n[Gone](gone.md)\n", "gone.md"),
        ("page.md", "# A page\n\n[Gone](index.md#gone)\n", "gone"),
        ("page.md", "# A page\n\n![Gone](gone.jpg)\n", "gone.jpg"),
        ("new.md", "# A page that nobody finds\n", "isn't included in any toctree"),
        ("index.md", "# Front\n\n## For all\n- [A page](page.md)\n- [Gone](gone.md)\n", "gone"),
    ],
    ids=["dead link", "dead heading", "no picture", "not listed", "listed, but not there"],
)
def test_a_fault_ends_the_build(few_pages: Path, page: str, text: str, fault: str) -> None:
    (few_pages / "docs" / page).write_text(text)

    with pytest.raises(DocsError, match=re.escape(fault)):
        commands.build(few_pages.parent / "site", few_pages)


def test_pages_without_a_fault_are_built(few_pages: Path) -> None:
    commands.build(few_pages.parent / "site", few_pages)

    assert "the front" in (few_pages.parent / "site" / "docs" / "page.html").read_text(encoding="utf-8")
    assert commands.FRONT in (few_pages.parent / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused_before_anything_is_built(tmp_path: Path, port: int) -> None:
    asked = argparse.Namespace(screenshots=False, out=tmp_path / "site", serve=True, port=port)

    with pytest.raises(DocsError, match=f"--port must be from 0 to 65535, not {port}"):
        commands.docs(asked)
    assert not asked.out.exists()
