"""The trial that a model has to answer before it counts as ready."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from handlers import trial
from handlers.engines.engine import Forward
from handlers.engines.settings import EAGER, EngineSettings
from handlers.load_errors import one_line
from handlers.network import NetworkError, refuse_misfit
from handlers.predictor import Predictor
from handlers.trial import TrialError, try_out
from tests.models import give_statistics, make_model

Weights = dict[str, torch.Tensor]


def rewrite_card(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | changes))


def rewrite_weights(folder: Path, change: Callable[[Weights], Weights]) -> None:
    """Other weights, which the card names as its own."""
    content = save(change(load_file(folder / "weights.safetensors")))
    (folder / "weights.safetensors").write_bytes(content)
    rewrite_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def one_nan(weights: Weights) -> Weights:
    weights["stages.0.blocks.0.conv_dw.weight"].view(-1)[5] = float("nan")
    return weights


def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder, settings=EngineSettings(EAGER))


def test_a_model_that_answers_passes(tmp_path: Path) -> None:
    try_out(predictor(make_model(tmp_path)))


def test_a_single_weight_that_is_no_number_is_found(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    rewrite_weights(folder, one_nan)

    with pytest.raises(TrialError, match="probabilities that are no numbers"):
        try_out(predictor(folder))


def test_heat_maps_must_be_numbers(tmp_path: Path) -> None:
    model = predictor(make_model(tmp_path))

    class Blind:
        """Explains nothing."""

        def explain(self, forward: Forward, items: object, labels: object) -> Any:
            return torch.full((2, 7, 7), float("nan")).numpy()

    model.explainer = Blind()
    with pytest.raises(TrialError, match="heat maps hold values that are no numbers"):
        try_out(model)


def test_statistics_need_features_of_their_shape(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    give_statistics(folder)
    model = predictor(folder)
    try_out(model)
    engine = model.engine

    class Unpooled:
        """Gives no features that could be pooled."""

        description = "unpooled"

        def __call__(self, pixels: torch.Tensor) -> Forward:
            return Forward(engine(pixels).logits)

    model.engine = Unpooled()
    with pytest.raises(
        TrialError, match=r"need pooled features of the shape \(2, 320\), and the network gives none"
    ):
        try_out(model)


def test_a_trial_refuses_a_model_whose_statistics_are_missing(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    give_statistics(folder)
    (folder / "statistics.safetensors").unlink()

    ran = tried(folder)

    assert ran.returncode == 1
    assert ran.stderr.startswith(
        "statistics.safetensors: the statistics that model.json beside it promises can't"
    )
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("label_count", [5, 7])
def test_a_card_with_other_labels_than_the_network_is_refused(tmp_path: Path, label_count: int) -> None:
    folder = make_model(tmp_path)
    rewrite_card(folder, labels=[f"L{number}" for number in range(label_count)])

    with pytest.raises(
        NetworkError,
        match=rf"don't fit convnext_atto with {label_count} labels \(head\.fc\.weight is \[6, 320\]",
    ):
        refuse_misfit(folder)


def test_a_huge_network_is_refused_without_being_made(tmp_path: Path) -> None:
    """It would take 7 GB; the child may use 3 GB beside what loading PyTorch takes."""
    folder = make_model(tmp_path)
    rewrite_card(folder, architecture="vit_gigantic_patch14_224")

    ran = tried(folder, limit_bytes=3 * 10**9)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(
        "weights.safetensors: the weights don't fit vit_gigantic_patch14_224 with 6 labels (cls_token is missing; "
    )
    assert ran.stderr.count("\n") == 1


def test_weights_that_were_cut_off_are_refused_in_a_line(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    content = (folder / "weights.safetensors").read_bytes()[:-1000]
    (folder / "weights.safetensors").write_bytes(content)
    rewrite_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())

    ran = tried(folder)

    assert ran.returncode == 1
    assert ran.stderr.startswith("weights.safetensors: the weights are no whole safetensors file (")
    assert ran.stderr.count("\n") == 1


def test_the_trial_of_a_sound_model_says_nothing(tmp_path: Path) -> None:
    ran = tried(make_model(tmp_path))

    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


def tried(folder: Path, limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """The trial in a process of its own, with a limit of its data segment if one is given."""
    limit = (
        f"import torch, resource; used = int(open('/proc/self/statm').read().split()[5]) * resource.getpagesize(); "
        f"resource.setrlimit(resource.RLIMIT_DATA, (used + {limit_bytes},) * 2); "
        if limit_bytes
        else ""
    )
    program = f"import sys; {limit}from {trial.__name__} import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_reason_is_one_line_that_can_be_shown() -> None:
    assert one_line(ValueError("first\n   second")) == "first second"
    assert len(one_line(ValueError("word " * 1000))) < 500
    assert one_line(KeyError()) == "KeyError"
