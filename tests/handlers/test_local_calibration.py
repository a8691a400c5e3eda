"""An installation's own profile: written whole, looked for at most once a second, ignored when it can't be used."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handlers.card import CARD_NAME, ModelCard
from handlers.local_calibration import (
    LocalCalibration,
    Profile,
    ProfileError,
    load_profile,
    profile_path,
    rescaled,
)
from tests.models import make_model


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return ModelCard.load(make_model(tmp_path / "store") / CARD_NAME)


def profile(card: ModelCard, **changes: Any) -> Profile:
    made = Profile(
        name="Clinic West, 2026-03-01",
        model=card.name,
        version=card.version,
        weights_sha256=card.weights_sha256,
        temperature=1.3,
        known_from=0.02,
        least={"CNV": 0.2, "NORMAL": 0.4},
        scans=60,
        made_at="2026-03-01T12:00:00+00:00",
    )
    return replace(made, **changes)


class Clock:
    """A clock that advances only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_profile_is_read_back_as_it_was_written(card: ModelCard, tmp_path: Path) -> None:
    made = profile(card)
    file = made.save(tmp_path / "calibration")
    assert file == profile_path(tmp_path / "calibration", "retina-oct")
    assert load_profile(file) == made
    assert load_profile(profile(card, known_from=None, least={}).save(file.parent)).known_from is None
    assert os.listdir(file.parent) == ["retina-oct.json"]


def test_it_applies_within_a_second_and_is_looked_for_no_oftener(card: ModelCard, tmp_path: Path) -> None:
    clock = Clock()
    local = LocalCalibration(card, tmp_path, clock)
    assert local.profile() is None
    file = profile(card).save(tmp_path)
    clock.now = 0.9
    assert local.profile() is None, "not looked for yet"
    clock.now = 1.0
    assert local.profile() == profile(card)
    profile(card, name="Second").save(tmp_path)
    clock.now = 2.0
    assert local.profile() == profile(card, name="Second")
    file.unlink()
    assert local.profile() == profile(card, name="Second")
    clock.now = 3.0
    assert local.profile() is None


def test_without_a_folder_there_is_none(card: ModelCard) -> None:
    assert LocalCalibration.from_environment(card, {}).profile() is None


def test_the_environment_names_the_folder(card: ModelCard, tmp_path: Path) -> None:
    made = profile(card)
    made.save(tmp_path)
    assert (
        LocalCalibration.from_environment(card, {"RETINOTE_CALIBRATION_DIR": str(tmp_path)}).profile() == made
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights_sha256": "0" * 64}, "it was made for the weights of retina-oct 1.0.0, not for those of"),
        ({"weights_sha256": "x"}, "weights_sha256 must be 64 hexadecimal digits"),
        ({"least": {"DR": 0.1}}, "least.DR is about a label that the model doesn't know"),
        ({"least": {"CNV": 1.1}}, "least.CNV must be from 0 to 1"),
        ({"temperature": 0}, "temperature must be greater than 0"),
        ({"known_from": "often"}, "known_from must be a number"),
        ({"scans": -1}, "scans must be a whole number"),
        ({"name": "two\nlines"}, "name must be one line"),
        ({"made_at": "yesterday"}, "made_at must be a time"),
        ({"extra": 1}, "field extra is not known"),
    ],
)
def test_what_cannot_be_used_is_ignored_with_one_line_in_the_log(
    card: ModelCard, tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], told: str
) -> None:
    caplog.set_level(logging.WARNING)
    file = profile_path(tmp_path, card.name)
    file.write_text(json.dumps(profile(card).to_dict() | changes))
    clock = Clock()
    local = LocalCalibration(card, tmp_path, clock)
    for clock.now in (0.0, 1.0, 2.0):
        assert local.profile() is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"the local calibration {file} is ignored: {told}")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b" " * (2**20 + 1)])
def test_a_file_of_something_else_is_no_profile(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "retina-oct.json"
    file.write_bytes(content)
    with pytest.raises(ProfileError):
        load_profile(file)


def test_a_pipe_in_its_place_keeps_nobody_waiting(card: ModelCard, tmp_path: Path) -> None:
    os.mkfifo(profile_path(tmp_path, card.name))
    assert LocalCalibration(card, tmp_path).profile() is None


def test_stored_probabilities_tell_those_of_another_temperature() -> None:
    logits = np.array([2.0, 0.5, -1.0])

    def softmax(temperature: float) -> dict[str, float]:
        powers = np.exp(logits / temperature)
        return dict(zip("ABC", (powers / powers.sum()).tolist(), strict=True))

    assert rescaled(softmax(0.7), 0.7, 1.4) == pytest.approx(softmax(1.4), abs=1e-6)
