"""What a decoder finds where: a hand-made one that knows bright material, and files of decoders that are refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from handlers.card import CARD_NAME, CardError, ModelCard
from handlers.card_findings import FINDINGS_NAME
from handlers.engines.settings import EAGER, EngineSettings
from handlers.findings import FindingsDecoder
from handlers.network import NetworkError, build_network, refuse_misfit, stage_channels
from handlers.predictor import Predictor
from handlers.request import Options, Request
from handlers.trial import TrialError, try_out
from imaging.errors import CodedError
from tests.handlers.findings_maps import KINDS, opened
from tests.handlers.test_trial import rewrite_card, rewrite_weights
from tests.images import encoded, png_bytes
from tests.models import give_findings, give_statistics, make_model

ATTO = "convnext_atto"


def sees_brightness(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The first stage's channels 0 and 1 are how much brighter, and darker, a place is than the mean of all scans."""
    weights = dict(weights)
    for name, values in weights.items():
        if name.startswith("stages.0.") and name.endswith("gamma"):
            weights[name] = torch.zeros_like(values)  # the blocks change nothing
    stem = torch.zeros_like(weights["stem.0.weight"])
    stem[0], stem[1] = 1 / stem[0].numel(), -1 / stem[0].numel()
    return weights | {"stem.0.weight": stem, "stem.0.bias": torch.zeros_like(weights["stem.0.bias"])}


def finds_what_is_bright() -> dict[str, torch.Tensor]:
    """A decoder that says "material" where the first stage says bright, and nothing else."""
    decoder = FindingsDecoder(stage_channels(build_network(ATTO, 2)), len(KINDS) + 1)
    tensors = {name: torch.zeros_like(values) for name, values in decoder.state_dict().items()}
    tensors |= {name: torch.ones_like(values) for name, values in tensors.items() if name == "norms.0.weight"}
    tensors["narrow.0.weight"][0, 0] = 1.0
    tensors["kinds.weight"][2, 0] = 1.0
    tensors["kinds.bias"][1] = -9.0  # no fluid anywhere
    return tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds bright material."""
    made = make_model(tmp_path_factory.mktemp("store"))
    rewrite_weights(made, sees_brightness)
    give_statistics(made, least=0.0001, known_from=0.0)
    give_findings(made, KINDS, finds_what_is_bright(), threshold=0.9)
    return made


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Predictor:
    return Predictor.load(folder, settings=EngineSettings(EAGER))


def answer(predictor: Predictor, content: bytes, **options: Any) -> dict[str, Any]:
    (outcome,) = predictor.answer([Request(content, None, Options(explain=False, **options))])
    assert not isinstance(outcome, CodedError), outcome
    return dict(outcome)


def scan(*bright: tuple[int, int, int, int], width: int = 448, height: int = 336) -> bytes:
    """A dark scan with bright boxes (x, y, width, height)."""
    pixels = np.full((height, width), 20, np.uint8)
    for x, y, across, down in bright:
        pixels[y : y + down, x : x + across] = 250
    return encoded(pixels)


def test_what_lies_in_a_scan_is_found_where_it_lies(loaded: Predictor) -> None:
    large, small = (64, 48, 128, 96), (320, 240, 48, 36)
    found = answer(loaded, scan(small, large))["findings"]
    assert found["kinds"] == list(KINDS)
    assert [region["finding"] for region in found["regions"]] == ["material", "material"]
    for region, (x, y, width, height) in zip(found["regions"], (large, small), strict=True):
        # A position is 8 by 6 pixels here, and the resize blurs one at each side.
        assert region["box"] == pytest.approx([x, y, width, height], abs=16)
        assert region["share"] == pytest.approx(width * height / (448 * 336), abs=0.02)
        assert 0.9 <= region["confidence"] <= 1
    marks = opened(found["map"])
    assert marks.shape == (56, 56)
    assert set(np.unique(marks)) == {0, 2}
    assert marks[12, 14] == 2 and marks[42, 42] == 2 and marks[30, 30] == 0
    assert (marks > 0).mean() == pytest.approx(sum(region["share"] for region in found["regions"]), abs=1e-4)


def test_each_of_a_batch_has_its_own_findings(loaded: Predictor) -> None:
    scans = [scan((64, 48, 128, 96)), png_bytes(), scan((320, 240, 64, 48))]
    outcomes: list[Any] = loaded.answer([Request(each, options=Options(explain=False)) for each in scans])
    for content, outcome in zip(scans, outcomes, strict=True):
        assert outcome["findings"]["regions"] == answer(loaded, content)["findings"]["regions"]


def test_findings_are_left_out_for_who_does_without(loaded: Predictor) -> None:
    content = scan((64, 48, 128, 96))
    with_, without = answer(loaded, content), answer(loaded, content, findings=False)
    assert with_.keys() - without.keys() == {"findings"}
    assert {**with_, "timing_ms": 0, "findings": 0} == {**without, "timing_ms": 0, "findings": 0}


def test_explanations_hold_no_findings(loaded: Predictor) -> None:
    (outcome,) = loaded.answer([Request(png_bytes(), explanation_only=True)])
    assert not isinstance(outcome, CodedError)
    assert set(outcome) == {"model", "gradcam"}


@pytest.mark.parametrize("architecture", [ATTO, "resnet18"])
def test_a_model_without_a_map_says_so(tmp_path: Path, architecture: str) -> None:
    predictor = Predictor.load(
        make_model(tmp_path, architecture=architecture), settings=EngineSettings(EAGER)
    )
    found = answer(predictor, png_bytes())
    assert found["findings"] is None
    assert "findings" not in answer(predictor, png_bytes(), findings=False)


def test_a_label_that_does_not_go_with_what_is_found_is_no_answer(folder: Path, tmp_path: Path) -> None:
    """Whether the caller wants to see the findings or not, and only where they are found."""
    contents = {"bright": scan((64, 48, 128, 96)), "dark": encoded(np.full((336, 448), 20, np.uint8))}
    card = ModelCard.load(folder / CARD_NAME)
    plain = Predictor.load(folder, settings=EngineSettings(EAGER))
    for name, content in contents.items():
        first = answer(plain, content)["prediction"]["label"]
        strict = make_copy(folder, tmp_path / name)
        rest = [label for label in card.labels if label != first]
        # Of any other label there must be more than there is: the set is the first one alone.
        give_statistics(strict, known_from=0.0, least=0.0)
        card_of(strict, least={first: 0.0, **dict.fromkeys(rest, 1.0)}, excluded={first: ["material"]})
        judge = Predictor.load(strict, settings=EngineSettings(EAGER))
        for wanted in (True, False):
            said = answer(judge, content, findings=wanted)
            expected = ("undecided", "findings_contradict") if name == "bright" else ("answered", "one_label")
            assert (said["state"], said["because"]) == expected
            assert said["prediction_set"] == [first]


def make_copy(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def card_of(folder: Path, *, least: dict[str, float], excluded: dict[str, list[str]]) -> None:
    card = json.loads((folder / CARD_NAME).read_text())
    card["statistics"]["sets"]["least"] = least
    card["findings"]["excluded"] = excluded
    (folder / CARD_NAME).write_text(json.dumps(card))


@pytest.mark.parametrize("fault", ["missing", "other", "cut", "kinds", "network"])
def test_findings_that_the_card_promises_and_do_not_fit_are_refused(tmp_path: Path, fault: str) -> None:
    made = make_model(tmp_path, architecture="resnet18" if fault == "network" else ATTO)
    if fault == "network":
        give_findings(made, KINDS, {"kinds.bias": torch.zeros(3)})
    else:
        give_findings(made, KINDS)
    file = made / FINDINGS_NAME
    if fault == "missing":
        file.unlink()
    elif fault == "other":
        file.write_bytes(file.read_bytes()[:-1])
    elif fault == "cut":
        rewritten(made, lambda content: content[:-1000])
    elif fault == "kinds":
        rewritten(made, lambda _: save({**load_file(file), "kinds.bias": torch.zeros(7)}))
    told = {
        "missing": "the findings that model.json beside it promises can't be read",
        "other": r"not the findings that model.json beside it names \(sha256 differs\)",
        "cut": "the findings are no whole safetensors file",
        "kinds": r"don't fit convnext_atto and 2 kinds of finding \(kinds.bias is \[7\] and should be \[3\]; 1 such",
        "network": "resnet18 can't have a map of findings, as it has no stem and stages",
    }[fault]
    for load in (refuse_misfit, Predictor.load):
        with pytest.raises(NetworkError, match=f"{FINDINGS_NAME}: .*{told}"):
            load(made)


def rewritten(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Other findings, which the card names as its own."""
    content = change((folder / FINDINGS_NAME).read_bytes())
    (folder / FINDINGS_NAME).write_bytes(content)
    card = json.loads((folder / CARD_NAME).read_text())
    card["findings"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / CARD_NAME).write_text(json.dumps(card))


def test_a_map_that_is_no_numbers_fails_the_trial(tmp_path: Path) -> None:
    made = make_model(tmp_path)
    give_findings(made, KINDS)
    try_out(Predictor.load(made, settings=EngineSettings(EAGER)))
    tensors = load_file(made / FINDINGS_NAME)
    tensors["between.weight"][0, 0] = float("nan")
    give_findings(made, KINDS, tensors)
    with pytest.raises(TrialError, match="map of findings holds values that are no numbers"):
        try_out(Predictor.load(made, settings=EngineSettings(EAGER)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kinds": []}, "findings.kinds must be at least one kind of finding, all different"),
        ({"kinds": ["hole", "hole"]}, "findings.kinds must be at least one kind of finding, all different"),
        (
            {"kinds": ["a cyst"]},
            r"findings.kinds\[0\] must be up to 40 of the letters a to z, digits and '_'",
        ),
        ({"thresholds": {"material": 0.5}}, "thresholds.fluid_within is missing: every kind needs one"),
        ({"thresholds": {"fluid_within": 0.5, "material": 2}}, "thresholds.material must be from 0 to 1"),
        ({"excluded": {"CNV": ["hole"]}}, "excluded.CNV: hole is not among the kinds of this model"),
        ({"excluded": {"FLU": ["material"]}}, "excluded.FLU is about a label that the model doesn't know"),
        ({"temperature": 0}, "findings.temperature must be greater than 0"),
        ({"least_share": 1.5}, "findings.least_share must be from 0 to 1"),
        ({"sha256": "abc"}, "findings.sha256 must be 64 hexadecimal digits"),
    ],
)
def test_a_card_that_cannot_be_meant_is_refused_by_field(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    made = make_model(tmp_path)
    give_findings(made, KINDS)
    card = json.loads((made / CARD_NAME).read_text())
    rewrite_card(made, findings=card["findings"] | changes)
    with pytest.raises(CardError, match=told):
        ModelCard.load(made / CARD_NAME)


def test_a_card_with_findings_is_read_back(tmp_path: Path) -> None:
    made = make_model(tmp_path)
    given = give_findings(made, KINDS, excluded={"NORMAL": ("material",)}, metrics={"healthy_scans": 3})
    card = ModelCard.load(made / CARD_NAME)
    assert card.findings == given
    card.save(made / "copy.json")
    assert ModelCard.load(made / "copy.json") == card
