"""int8 gives float32's answers, nearly, with the same explanation; where it can't be had, another engine serves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from handlers.answer import Answer
from handlers.card import CARD_NAME, ModelCard
from handlers.engines import choice, compiled, int8
from handlers.engines.choice import load_engine
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Engine
from handlers.engines.settings import EngineSettings
from handlers.gradcam import HeadGradCam
from handlers.network import load_decoder, load_network
from handlers.predictor import Predictor
from handlers.request import Request
from imaging.png import encode_png
from tests.models import give_findings, give_int8, give_statistics, make_model
from tests.services import small_engines

pytestmark = pytest.mark.xdist_group("engines")

CPU = torch.device("cpu")
MAX_BATCH = 2
ARCHITECTURE = "test_convnext"
NEEDED = pytest.mark.skipif(
    not (int8.has_instructions() and compiled.has_compiler()),
    reason="the processor has no instructions for int8, or no C++ compiler is installed",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with a map of findings, statistics and ranges."""
    folder = make_model(tmp_path_factory.mktemp("store"), architecture=ARCHITECTURE)
    give_findings(folder)
    give_statistics(folder)
    give_int8(folder)
    return folder


def loaded(folder: Path, settings: EngineSettings) -> Engine:
    card, network = load_network(folder)
    return load_engine(folder, card, network, CPU, settings, load_decoder(folder, card, network))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    made = loaded(folder, EngineSettings("int8", small_engines(), MAX_BATCH))
    assert made.description.startswith("int8 with ")
    return made


@pytest.fixture(scope="module")
def exact(folder: Path) -> EagerEngine:
    card, network = load_network(folder)
    return EagerEngine(network, card.input, CPU, torch.float32, load_decoder(folder, card, network))


def noise(count: int) -> torch.Tensor:
    return choice._smooth_noise(224).repeat(count, 1, 1, 1)[:count]


@NEEDED
@pytest.mark.parametrize("count", [1, 2, 5])
def test_probabilities_familiarity_and_findings_are_those_of_float32(
    engine: Engine, exact: EagerEngine, folder: Path, count: int
) -> None:
    temperature = ModelCard.load(folder / CARD_NAME).temperature
    ours, theirs = engine(noise(count)), exact(noise(count))
    found, expected = ((each.logits / temperature).softmax(1) for each in (ours, theirs))

    assert float((found - expected).abs().max()) <= 0.02
    assert torch.equal(found.argmax(1), expected.argmax(1))
    assert ours.features is not None and ours.features.dtype is torch.float32
    assert ours.pooled is not None and theirs.pooled is not None
    assert float(torch.nn.functional.cosine_similarity(ours.pooled, theirs.pooled).min()) > 0.999
    assert ours.findings is not None and theirs.findings is not None
    assert float((ours.findings.softmax(1) - theirs.findings.softmax(1)).abs().mean()) <= 0.01


@NEEDED
def test_heat_maps_are_those_of_float32(engine: Engine, exact: EagerEngine, folder: Path) -> None:
    explainer = HeadGradCam(load_network(folder)[1].get_submodule("head"))
    for label in range(6):
        ours, theirs = (explainer.explain(run(noise(2)), [0, 1], [label] * 2) for run in (engine, exact))
        for found, expected in zip(ours, theirs, strict=True):
            if expected.std():
                assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] >= 0.98


@NEEDED
def test_it_is_another_network_than_the_compiled_one(engine: Engine, exact: EagerEngine) -> None:
    assert not torch.allclose(engine(noise(2)).logits, exact(noise(2)).logits, rtol=0, atol=1e-4)


@NEEDED
def test_an_answer_does_not_depend_on_the_others_of_its_batch(engine: Engine) -> None:
    together, alone = engine(noise(2)).logits[:1], engine(noise(1)).logits
    assert torch.allclose(together, alone, atol=0.02)


@NEEDED
def test_a_whole_answer_comes_from_it(folder: Path) -> None:
    predictor = Predictor.load(folder, settings=EngineSettings("int8", small_engines(), MAX_BATCH))
    assert predictor.engine.description.startswith("int8")
    (answer,) = predictor.answer([Request(encode_png(noise(1)[0, 0].numpy()))])
    whole = cast("Answer", answer)
    assert whole["gradcam"]["label"] == whole["prediction"]["label"]
    assert whole["findings"] is not None
    assert whole["familiarity"] is not None and whole["prediction_set"] is not None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            "ranges", "the model has no ranges for it (./retinote int8 measures them)", id="no ranges"
        ),
        pytest.param(
            "checks",
            "by its card it changes the answers too much: another first label for 2.00% of scans",
            id="checks",
        ),
        pytest.param("instructions", "the processor has no instructions for it", id="no VNNI"),
        pytest.param("folder", "no folder for compiled networks is set", id="no folder"),
    ],
)
@pytest.mark.parametrize("wanted", ["int8", "auto-int8"])
def test_where_it_can_not_be_had_the_next_engine_serves_and_the_log_says_why(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wanted: str,
    fault: str,
    reason: str,
) -> None:
    if fault == "folder" and not int8.has_instructions():
        pytest.skip("the processor has no instructions for int8, which is noticed first")
    model = Path(shutil.copytree(folder, tmp_path / "model"))
    card = ModelCard.load(model / CARD_NAME)
    assert card.int8
    if fault == "ranges":
        replace(card, int8=None).save(model / CARD_NAME)
    elif fault == "checks":
        give_int8(model, other_labels=0.02)
    if fault == "instructions":
        monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    elif fault in ("ranges", "checks"):
        monkeypatch.setattr(int8, "has_instructions", lambda: True)
    monkeypatch.setattr(compiled, "COMPILERS", ())
    monkeypatch.delenv("CXX", raising=False)
    cache = None if fault == "folder" else tmp_path / "cache"

    engine = loaded(model, EngineSettings(wanted, cache, MAX_BATCH, interim=True))

    assert engine.description.startswith("openvino")
    first = next(record for record in caplog.records if "passed over" in record.getMessage())
    assert first.getMessage().startswith(f"engine int8 is passed over: {reason}")


def test_auto_does_not_take_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "COMPILERS", ())
    monkeypatch.delenv("CXX", raising=False)
    assert loaded(folder, EngineSettings("auto", tmp_path, MAX_BATCH)).description.startswith("openvino")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU")
@pytest.mark.parametrize("wanted", ["int8", "auto-int8"])
def test_on_a_gpu_it_is_not_offered(folder: Path, tmp_path: Path, wanted: str) -> None:
    card, network = load_network(folder)
    engine = load_engine(folder, card, network, torch.device("cuda", 0), EngineSettings(wanted, tmp_path))
    assert engine.description.startswith("eager")


def test_other_ranges_need_another_compiled_network(folder: Path) -> None:
    card = ModelCard.load(folder / CARD_NAME)
    assert card.int8
    other = replace(card, int8=replace(card.int8, sha256="0" * 64))
    assert len({compiled.key(each, 2, "int8") for each in (card, other)}) == 2
    assert len({compiled.key(each, 2, "compiled") for each in (card, other)}) == 1
    assert compiled.key(card, 2, "int8") != compiled.key(card, 2, "compiled")
