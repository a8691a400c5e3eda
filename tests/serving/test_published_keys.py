"""The key for predictions, handed to who may ask for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.keys import InferenceKey, KeyUnavailable, ManagementKey, keep_fresh, publish
from tests.serving.conftest import Trial
from tests.serving.test_keys import opens

pytestmark = pytest.mark.xdist_group("trial")


@pytest.fixture
def published(trial: Trial, tmp_path: Path) -> Path:
    target = tmp_path / "inference.json"
    publish(trial.server.key_file, target)
    return target


def test_the_published_key_opens_the_model_server(trial: Trial, published: Path) -> None:
    assert opens(trial, InferenceKey(published, "").current())


def test_no_other_key_is_published(trial: Trial, published: Path) -> None:
    text = published.read_text()
    keys = json.loads(trial.server.key_file.read_text())

    assert list(json.loads(text)) == ["inference"]
    assert keys["management"]["key"] not in text and keys["API"]["key"] not in text
    assert published.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyUnavailable):
        ManagementKey(published, "").current()


def test_a_renewed_key_is_published_at_the_next_look(trial: Trial, published: Path) -> None:
    reader = InferenceKey(published, "")
    old = reader.current()
    new = trial.inference_key().renew(rejected=old)

    keep_fresh(trial.server.key_file, trial.server.management_url, published)

    assert reader.renew(rejected=old) == new
    assert opens(trial, reader.current())


def test_a_key_that_is_still_good_is_left_alone(trial: Trial, published: Path) -> None:
    before = published.stat().st_ino

    keep_fresh(trial.server.key_file, trial.server.management_url, published)

    assert published.stat().st_ino == before


def test_a_reader_of_a_refused_key_says_so(published: Path) -> None:
    reader = InferenceKey(published, "")

    with pytest.raises(KeyUnavailable, match="refuses"):
        reader.renew(rejected=reader.current())
