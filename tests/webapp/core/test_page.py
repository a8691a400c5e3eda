"""The document of the page, and what the browser is allowed to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def built(settings: Any, tmp_path: Path) -> None:
    """A page that was built, as far as the web app is concerned."""
    settings.PAGE_FOLDER = str(tmp_path)
    (tmp_path / "index.html").write_text('<html><meta name="style-nonce" content="__NONCE__"></html>')


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/scans/64b000000000000000000000", "/compare", "/dashboard"]
)
def test_every_address_of_the_page_is_the_same_document(built: None, path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "style-nonce" in answer.content.decode()


def test_the_policy_allows_nothing_from_elsewhere_and_no_inline_script(built: None) -> None:
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in Client().get("/").headers["Content-Security-Policy"].split(";")
    )

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "http" not in str(policy) and "unsafe" not in str(policy)


def test_each_answer_has_its_own_nonce(built: None) -> None:
    first, second = Client().get("/"), Client().get("/")

    nonce = first.content.decode().split('content="')[1].split('"')[0]
    assert len(nonce) >= 16
    assert f"'nonce-{nonce}'" in first.headers["Content-Security-Policy"]
    assert nonce not in second.content.decode()


def test_while_the_page_is_not_built_it_says_how_to(settings: Any, tmp_path: Path) -> None:
    settings.PAGE_FOLDER = str(tmp_path / "nothing")

    answer = Client().get("/")

    assert answer.status_code == 503
    shown = answer.content.decode()
    assert "./retinote up" in shown and "/api/docs/" in shown
    assert "http://" not in shown and "https://" not in shown
