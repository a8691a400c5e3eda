"""Every engine gives float32's answer; one that can't is passed over, and says why."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import bundled
from handlers.card import CARD_NAME, ModelCard
from handlers.engines import choice, compiled
from handlers.engines.choice import load_engine
from handlers.engines.compiled import load_compiled
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Engine, EngineUnavailable, Forward
from handlers.engines.settings import EngineSettings
from handlers.gradcam import HeadGradCam
from handlers.network import load_decoder, load_network
from handlers.preprocessing import to_square
from imaging.pixels import grey_to_rgb
from tests.models import give_findings, make_model
from tests.services import engines
from training.simulator import simulate

pytestmark = pytest.mark.xdist_group("engines")

CPU = torch.device("cpu")
COMPILED = pytest.param(
    "compiled",
    marks=pytest.mark.skipif(not compiled.has_compiler(), reason="no C++ compiler is installed"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def finding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with a map of findings: its own, else one that has learnt nothing."""
    if ModelCard.load(bundled.MODEL / CARD_NAME).findings:
        return bundled.MODEL
    copy = Path(shutil.copytree(bundled.MODEL, tmp_path_factory.mktemp("finding") / "model"))
    give_findings(copy)
    return copy


@pytest.fixture(scope="module", params=["eager", "openvino", COMPILED])
def engine(request: pytest.FixtureRequest, finding: Path) -> Engine:
    card, network = load_network(finding)
    decoder = load_decoder(finding, card, network)
    loaded = load_engine(finding, card, network, CPU, EngineSettings(request.param, engines()), decoder)
    assert loaded.description.startswith(request.param)
    return loaded


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    """A simulated scan of each label, uint8 (8, 3, 224, 224)."""
    scans = [
        simulate(label, 1, seed=5).images[0] for label in ModelCard.load(bundled.MODEL / CARD_NAME).labels
    ]
    return torch.stack([to_square(grey_to_rgb(scan), 224) for scan in scans])


@pytest.fixture(scope="module")
def exact(finding: Path) -> EagerEngine:
    card, network = load_network(finding)
    return EagerEngine(network, card.input, CPU, torch.float32, load_decoder(finding, card, network))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 11])
def test_probabilities_are_those_of_float32(
    engine: Engine, exact: EagerEngine, inputs: torch.Tensor, count: int
) -> None:
    batch = inputs.repeat(2, 1, 1, 1)[:count]
    temperature = ModelCard.load(bundled.MODEL / CARD_NAME).temperature
    found, expected = ((run(batch).logits / temperature).softmax(1) for run in (engine, exact))
    assert found.shape == expected.shape == (count, 8)
    assert float((found - expected).abs().max()) <= 0.01
    assert torch.equal(found.argmax(1), expected.argmax(1))


def test_heat_maps_are_those_of_float32(engine: Engine, exact: EagerEngine, inputs: torch.Tensor) -> None:
    explainer = HeadGradCam(load_network(bundled.MODEL)[1].get_submodule("head"))
    found, expected = (explainer.explain(run(inputs), [0, 1, 2], [0, 3, 5]) for run in (engine, exact))
    assert expected.max() > 0
    assert np.abs(found - expected).max() <= 0.05 * expected.max()


@pytest.mark.parametrize("count", [1, 3, 8, 11])
def test_findings_are_those_of_float32(
    engine: Engine, exact: EagerEngine, inputs: torch.Tensor, finding: Path, count: int
) -> None:
    facts = ModelCard.load(finding / CARD_NAME).findings
    assert facts
    batch = inputs.repeat(2, 1, 1, 1)[:count]
    forwards = engine(batch), exact(batch)
    logits = [forward.findings for forward in forwards if forward.findings is not None]
    found, expected = ((each / facts.temperature).softmax(1) for each in logits)
    assert found.shape == expected.shape == (count, len(facts.kinds) + 1, 56, 56)
    assert found.dtype == torch.float32
    assert float(expected.std()) > 0.01, "something can differ"
    assert float((found - expected).abs().mean()) <= 0.005
    assert float((found.argmax(1) == expected.argmax(1)).float().mean()) >= 0.98


def test_an_answer_does_not_change_when_the_next_is_made(engine: Engine, inputs: torch.Tensor) -> None:
    first = engine(inputs[:2])
    assert first.features is not None and first.findings is not None
    given = first.logits, first.features, first.findings
    before = [values.clone() for values in given]
    engine(255 - inputs[:2])
    assert all(map(torch.equal, given, before))


@pytest.mark.parametrize("missing", ["compiler", "folder"])
def test_without_a_compiler_or_a_folder_the_next_engine_serves(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(compiled, "COMPILERS", ())
    monkeypatch.delenv("CXX", raising=False)
    card, network = load_network(folder)
    cache = tmp_path if missing == "compiler" else None
    engine = load_engine(folder, card, network, CPU, EngineSettings("auto", cache))
    assert engine.description.startswith("openvino")
    (passed_over,) = [
        record.getMessage() for record in caplog.records if "passed over" in record.getMessage()
    ]
    assert passed_over.startswith("engine compiled is passed over: ")
    assert ("no C++ compiler" if missing == "compiler" else "no folder") in passed_over


def test_an_engine_that_answers_otherwise_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card, network = load_network(folder)
    exact = EagerEngine(network, card.input, CPU, torch.float32)

    class Wrong:
        description = "wrong"

        def __call__(self, inputs: torch.Tensor) -> object:
            forward = exact(inputs)
            return type(forward)(forward.logits.flip(1), forward.features)

    monkeypatch.setattr(choice, "OpenVinoEngine", lambda *_: Wrong())
    engine = load_engine(folder, card, network, CPU, EngineSettings("openvino"))
    assert engine.description.startswith("eager")
    assert "its probabilities differ from float32's by" in caplog.text


def test_a_fast_precision_that_answers_otherwise_gives_way_to_float32(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card, network = load_network(folder)
    pixels = torch.zeros(1, 3, card.input.size, card.input.size, dtype=torch.uint8)
    expected = EagerEngine(load_network(folder)[1], card.input, CPU, torch.float32)(pixels)
    monkeypatch.setattr(choice, "MAX_DIFFERENCE", -1.0)

    engine = load_engine(folder, card, network, CPU, EngineSettings("eager"))

    assert engine.description == "eager fp32"
    assert torch.equal(engine(pixels).logits, expected.logits)
    assert "is passed over: its probabilities differ from float32's" in caplog.text


@pytest.mark.parametrize(
    ("findings", "told"),
    [(None, "it gives no findings"), (torch.flip, "its findings' probabilities differ from float32's by")],
)
def test_an_engine_that_finds_something_else_is_passed_over(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    findings: Callable[..., torch.Tensor] | None,
    told: str,
) -> None:
    folder = make_model(tmp_path)
    give_findings(folder)
    card, network = load_network(folder)
    decoder = load_decoder(folder, card, network)
    exact = EagerEngine(network, card.input, CPU, torch.float32, decoder)

    class Wrong:
        description = "wrong"

        def __call__(self, inputs: torch.Tensor) -> Forward:
            forward = exact(inputs)
            assert forward.findings is not None
            return replace(forward, findings=findings(10 * forward.findings, [1]) if findings else None)

    monkeypatch.setattr(choice, "OpenVinoEngine", lambda *_: Wrong())
    engine = load_engine(folder, card, network, CPU, EngineSettings("openvino"), decoder)
    assert engine.description.startswith("eager")
    assert told in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU")
@pytest.mark.parametrize("wanted", ["compiled", "openvino"])
def test_on_a_gpu_an_engine_for_processors_is_passed_over(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: str
) -> None:
    card, network = load_network(folder)
    engine = load_engine(folder, card, network, torch.device("cuda", 0), EngineSettings(wanted, tmp_path))
    assert engine.description.startswith("eager")
    assert f"engine {wanted} is passed over: it is for processors" in caplog.text


def test_a_damaged_compiled_network_is_removed_to_be_made_anew(folder: Path, tmp_path: Path) -> None:
    card, _ = load_network(folder)
    name = f"{card.name}-{card.version}-{compiled.key(card, 8)}.pt2"
    (tmp_path / name).write_bytes(b"not a network")
    with pytest.raises(EngineUnavailable, match="can't be loaded"):
        load_compiled(folder, compiled.compiled_path(card, tmp_path, 8), 8)
    assert not (tmp_path / name).exists()


def test_other_weights_findings_and_threads_need_another_compiled_network(
    folder: Path, tmp_path: Path
) -> None:
    card, _ = load_network(folder)
    other, _ = load_network(make_model(tmp_path, seed=1))
    findings = make_model(tmp_path, version="2.0.0")
    give_findings(findings)
    finding, _ = load_network(findings)
    threads = torch.get_num_threads()
    names = {compiled.key(card, 8), compiled.key(other, 8), compiled.key(card, 4), compiled.key(finding, 8)}
    try:
        torch.set_num_threads(threads + 1)
        names.add(compiled.key(card, 8))
    finally:
        torch.set_num_threads(threads)
    assert finding.weights_sha256 == card.weights_sha256
    assert len(names) == 5


def test_openvino_tells_its_maker_nothing() -> None:
    """In a process of its own: what counts is the import."""
    script = """
import sys, pathlib
from handlers.engines import openvino
from handlers.network import load_network
card, network = load_network(pathlib.Path(sys.argv[1]))
openvino.OpenVinoEngine(network, card.input)
assert not sys.modules["openvino_telemetry"], "its telemetry was loaded"
"""
    run = subprocess.run(
        [sys.executable, "-c", script, bundled.MODEL],
        cwd=bundled.MODEL_STORE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_compiling_sees_no_path_that_a_compiler_takes_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch writes its compiler's command as one text, and takes it apart at spaces and quotes."""
    odd = tmp_path / "d'été 1"
    (odd / "torch").mkdir(parents=True)
    monkeypatch.setattr(compiled.torch, "__file__", str(odd / "torch" / "__init__.py"))
    with compiled._plain_paths() as variables:
        assert compiled.PLAIN.fullmatch("".join(variables.values()))
        assert (Path(variables["PYTHONPATH"]) / "torch").is_dir()
    assert not Path(variables["TMPDIR"]).exists()
