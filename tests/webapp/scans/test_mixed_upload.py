"""Pictures of two modalities, sent in mixed order and without a word on what they are, looked at by the real router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.images import encoded, png_bytes
from tests.webapp.conftest import Upload
from tests.webapp.scans import two_models
from tests.webapp.scans.two_models import ASKED, AWAY, CHEST, OCT
from training.simulator.chest import draw_chest
from webapp.accounts.models import User
from webapp.scans.models import Scan


@pytest.fixture(autouse=True)
def two_modalities(settings: Any) -> Iterator[None]:
    """OCT and chest X-rays, and a model server with a model for each."""
    settings.MODELS = []
    settings.MODEL_SERVER = f"{two_models.__name__}.client"
    ASKED.clear()
    yield
    AWAY.clear()


def xray(number: int) -> bytes:
    return encoded(draw_chest("NORMAL", 1, number).image)


def test_each_lands_with_its_own_model(clinician: User, upload: Upload) -> None:
    for number in range(4):
        scan, chest = upload(clinician, png_bytes(seed=number)).json(), upload(clinician, xray(number)).json()
        assert (scan["modality"], scan["model"]["name"]) == ("oct", OCT)
        assert (chest["modality"], chest["model"]["name"]) == ("chest-xray", CHEST)
    assert ASKED == {OCT: 4, CHEST: 4}


def test_one_that_is_sent_as_the_other_is_refused_with_a_sentence(clinician: User, upload: Upload) -> None:
    refused = upload(clinician, xray(0), modality="oct")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "other_modality")
    assert refused.json()["error"]["message"] == (
        "This looks like a chest X-ray and not like a retinal OCT. Send it as one: modality=chest-xray."
    )
    assert upload(clinician, png_bytes(), modality="chest-xray").status_code == 400
    assert not Scan.objects.exists() and not ASKED


def test_one_that_lies_on_its_side_is_asked_about(clinician: User, upload: Upload) -> None:
    turned = encoded(np.rot90(draw_chest("NORMAL", 1).image))

    refused = upload(clinician, turned)

    assert refused.json()["error"]["code"] == "modality_unclear"
    assert refused.json()["error"]["fields"]["modality"] == ["oct", "chest-xray"]
    assert upload(clinician, turned, modality="chest-xray").status_code == 201
