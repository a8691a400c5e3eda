"""Which modality an upload has: as somebody says, as the file says, or as the picture looks."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.exceptions import PermissionDenied, ValidationError

from modalities.router import OTHER
from tests.webapp.scans.modality.conftest import Looks
from tests.webapp.scans.modality.pictures import GREY
from tests.webapp.scans.two_models import OCT
from webapp.scans import modality
from webapp.scans.modality import Came, ModalityRefused, ModalityUnclear, OtherModality, modality_of


@pytest.mark.parametrize(
    ("came", "look", "chosen"),
    [
        (Came("image/png", said="oct"), None, "oct"),
        (Came("image/png", said="chest-xray"), OTHER, "chest-xray"),
        (Came("application/dicom", dicom="OPT"), None, "oct"),
        (Came("application/dicom", dicom="DX"), None, "chest-xray"),
        (Came("application/dicom", dicom="CR", said="chest-xray"), "chest-xray", "chest-xray"),
        (Came("application/dicom", dicom="OT", said="oct"), None, "oct"),
        (Came("application/x-heidelberg-vol", is_volume=True), None, "oct"),
        (Came("image/tiff", is_volume=True), None, "oct"),
        (Came("image/png"), "chest-xray", "chest-xray"),
        (Came("image/png"), "oct", "oct"),
        (Came("application/dicom", dicom="OT"), "oct", "oct"),
        (Came("image/png", allowed=["chest-xray"]), None, "chest-xray"),
    ],
)
def test_said_counts_before_the_file_and_the_file_before_the_look(
    looks: Looks, came: Came, look: str | None, chosen: str
) -> None:
    looks(look)
    assert modality_of(came, GREY).name == chosen


@pytest.mark.parametrize(
    ("came", "look", "says", "send_as"),
    [
        (
            Came("image/png", said="oct"),
            "chest-xray",
            "This looks like a chest X-ray and not like a retinal OCT. Send it as one: modality=chest-xray.",
            ["chest-xray"],
        ),
        (Came("image/png", said="chest-xray"), "oct", "This looks like a retinal OCT and", ["oct"]),
        (
            Came("application/dicom", dicom="OPT"),
            "chest-xray",
            "This looks like a chest X-ray",
            ["chest-xray"],
        ),
        (
            Came("application/dicom", dicom="DX", said="oct"),
            None,
            "The file says that this is a chest X-ray",
            ["chest-xray"],
        ),
        (Came("image/tiff", is_volume=True), "chest-xray", "This looks like a chest X-ray", ["chest-xray"]),
        (
            Came("image/png", said="oct", allowed=["oct"]),
            "chest-xray",
            "Your account doesn't work with these.",
            [],
        ),
    ],
)
def test_a_picture_of_another_modality_than_it_came_as_is_refused(
    looks: Looks, came: Came, look: str | None, says: str, send_as: list[str]
) -> None:
    looks(look)
    with pytest.raises(OtherModality) as refused:
        modality_of(came, GREY)
    assert says in str(refused.value)
    assert refused.value.fields == {"modality": send_as}


def test_a_modality_without_volumes_takes_pictures_one_by_one(looks: Looks) -> None:
    looks(None)
    with pytest.raises(ModalityRefused, match="many pictures is not a chest X-ray") as refused:
        modality_of(Came("image/tiff", said="chest-xray", is_volume=True), GREY)
    assert refused.value.fields == {"modality": ["oct"]}


@pytest.mark.parametrize("look", [None, OTHER])
def test_what_nobody_says_and_does_not_show_is_asked_for(looks: Looks, look: str | None) -> None:
    looks(look)
    with pytest.raises(
        ModalityUnclear, match=r"modality=oct \(Retinal OCT\), modality=chest-xray"
    ) as refused:
        modality_of(Came("image/png"), GREY)
    assert refused.value.fields == {"modality": ["oct", "chest-xray"]}


def test_an_unknown_modality_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="Give one of: oct, chest-xray"):
        modality_of(Came("image/png", said="brain-mri"), GREY)


@pytest.mark.parametrize(
    ("came", "look"),
    [
        (Came("image/png", said="oct", allowed=["chest-xray"]), None),
        (Came("application/dicom", dicom="OPT", allowed=["chest-xray"]), None),
    ],
)
def test_who_works_with_others_alone_sends_none(looks: Looks, came: Came, look: str | None) -> None:
    looks(look)
    with pytest.raises(PermissionDenied, match="works with chest X-ray, and not with retinal OCT"):
        modality_of(came, GREY)


def test_with_one_modality_nothing_is_looked_at(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODELS = [OCT]
    monkeypatch.delattr(modality, "look_at")
    assert modality_of(Came("image/png"), GREY).name == "oct"
