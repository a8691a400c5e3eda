"""Candidates from verified scans: the same again, after a kill, and with all that the version before has."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from handlers.card import CARD_NAME, ModelCard
from handlers.engines.int8 import has_instructions
from handlers.network import load_network, load_statistics, refuse_misfit
from tests.models import give_int8
from tests.training.learning.conftest import write_data_set
from tests.training.processes import Training
from tests.waiting import wait_for
from training.data.frozen import read_about
from training.learning.progress import STEPS

SMALL = ("--epochs", "2", "--simulated", "5", "--threads", "1", "--seed", "4")


def start(tmp_path: Path, before: Path, data_set: Path, out: Path, *options: object) -> Training:
    words = ("--model", before, "--data-set", data_set, "--out", out, *SMALL, *options)
    return Training(tmp_path / f"cache-{out.name}", *words, command="fine-tune")


def finished(training: Training) -> str:
    status, output = training.end()
    assert status == 0, output
    return output


def test_a_candidate_has_all_that_the_version_before_has_and_says_what_it_is_made_from(
    before: Path, data_set: Path, tmp_path: Path
) -> None:
    give_int8(before)
    out = tmp_path / "run"
    finished(start(tmp_path, before, data_set, out, "--run", "r-7"))
    old, made = ModelCard.load(before / CARD_NAME), out / "model"
    card, network = load_network(made)
    refuse_misfit(made)
    assert (card.name, card.version, card.labels, card.input) == (old.name, "2.2.0", old.labels, old.input)
    assert card.groups == old.groups
    assert card.weights_sha256 != old.weights_sha256
    learning = card.made_with["learning"]
    assert (
        learning["data_set"] == read_about(data_set).sha256
        and learning["data_set_number"] == 3
        and learning["run"] == "r-7"
    )
    assert learning["from"] == {"version": "2.1.0", "weights_sha256": old.weights_sha256}
    assert card.metrics["test"]["scans"] == 6
    # One simulated scan in five was not trained on, and healthy ones have nothing to point at.
    assert card.metrics["explanations"]["scans"] == len(card.labels) - 1
    assert card.caveats["MH"] == "Trained on real scans of 3 patients only; it may well be wrong."
    # What was known stays known, and a centre for each verified label came to it.
    statistics = load_statistics(made, card, network)
    assert statistics is not None
    centres = [load_file(folder / "statistics.safetensors")["centres"] for folder in (before, made)]
    assert len(centres[1]) == len(centres[0]) + 3
    assert np.array_equal(centres[1][: len(centres[0])], centres[0])
    progress = json.loads((out / "progress.json").read_text())
    states = {step: progress["steps"][step]["state"] for step in STEPS}
    assert states == dict.fromkeys(STEPS, "done") | ({} if has_instructions() else {"int8": "left out"})
    if has_instructions():
        assert card.int8 is not None and old.int8 is not None and card.int8.sha256 != old.int8.sha256
    assert not (out / "training" / "checkpoint.pt").exists()


def test_the_same_data_set_and_seed_give_the_same_weights_also_after_a_kill(
    before: Path, data_set: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    finished(start(tmp_path, before, data_set, first))
    killed = start(tmp_path, before, data_set, second)
    wait_for(lambda: (second / "training" / "checkpoint.pt").exists(), timeout_s=120)
    killed.kill()
    output = finished(start(tmp_path, before, data_set, second))
    assert "step simulate" not in output and "epoch 1:" not in output
    cards = [load_network(out / "model")[0] for out in (first, second)]
    assert cards[0].weights_sha256 == cards[1].weights_sha256
    assert cards[0].statistics == cards[1].statistics and cards[0].temperature == cards[1].temperature


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": ("CNV", "ERM")}, "doesn't know (6 of ERM). A new label is a new model: train one with"),
        (
            {"labels": ("CNV",), "patients": 1},
            "has scans of 1 patients in its split train (2 scans), and at least 2",
        ),
    ],
)
def test_what_it_cannot_learn_from_is_refused_with_a_sentence(
    before: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    data_set = write_data_set(tmp_path / "other", **{"patients": 6, **change})  # type: ignore[arg-type]
    status, output = start(tmp_path, before, data_set, tmp_path / "run").end()
    assert status == 2 and said in output, output


def test_a_data_set_of_another_model_is_refused(before: Path, data_set: Path, tmp_path: Path) -> None:
    facts = json.loads((data_set / "data-set.json").read_text())
    (data_set / "data-set.json").write_text(json.dumps({**facts, "name": "chest-xray"}))
    status, output = start(tmp_path, before, data_set, tmp_path / "run").end()
    assert status == 2 and "was made for chest-xray, and retina-oct 2.1.0 is another model" in output
