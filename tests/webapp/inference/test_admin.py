"""The model server's versions in the administration."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.services import ModelServer


def test_registered_versions_are_listed(predicting: ModelServer, browser: Client) -> None:
    page = browser.get("/admin/inference/registeredversion/").content.decode()
    version = max((predicting.model_store / "retina-oct").iterdir()).name
    place = reverse("admin:model-version", args=["retina-oct", version])
    assert f'<th><a href="{place}">{version}</a></th>' in page
    assert "1 of 1" in page


def test_without_a_model_server_the_list_says_so(away: None, browser: Client) -> None:
    answer = browser.get("/admin/inference/registeredversion/")
    assert answer.status_code == 200
    assert "does not answer" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["add/", "64b000000000000000000000/change/", "64b000000000000000000000/delete/"]
)
def test_registered_versions_are_only_listed(db: None, browser: Client, path: str) -> None:
    assert browser.get(f"/admin/inference/registeredversion/{path}").status_code in (302, 403, 404)
