"""PyTorch answers until the network is compiled; compiling is done once, leaves nothing half done, and is not repeated."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handlers.card import CARD_NAME, ModelCard
from handlers.engines import choice, compiled, eager, int8
from handlers.engines.changing import ChangingEngine, coming
from handlers.engines.choice import load_engine
from handlers.engines.compiled import compiled_path, load_compiled, must_compile
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Engine, EngineUnavailable, Forward
from handlers.engines.reports import read_reports
from handlers.engines.settings import EngineSettings
from handlers.network import load_network
from tests.models import give_int8, make_model
from tests.services import small_engines
from tests.waiting import is_running, wait_for

pytestmark = [
    pytest.mark.xdist_group("engines"),
    pytest.mark.skipif(not compiled.has_compiler(), reason="no C++ compiler is installed"),
]

CPU = torch.device("cpu")
MAX_BATCH = 2
INT8 = pytest.mark.skipif(not int8.has_instructions(), reason="the processor has no instructions for int8")
ARCHITECTURE = "test_convnext"  # a small one of the same kind, which compiles in a quarter of the time


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("store"), architecture=ARCHITECTURE)


@pytest.fixture(scope="module")
def card(folder: Path) -> ModelCard:
    return ModelCard.load(folder / CARD_NAME)


@pytest.fixture(scope="module")
def made(folder: Path, card: ModelCard) -> Path:
    """The compiled network, kept from earlier runs."""
    package = compiled_path(card, small_engines(), MAX_BATCH)
    load_compiled(folder, package, MAX_BATCH)
    return package


@pytest.fixture
def package(card: ModelCard, tmp_path: Path) -> Path:
    """Where the compiled network is missing."""
    return compiled_path(card, tmp_path / "cache", MAX_BATCH)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    yield Compiler(tmp_path, monkeypatch)


class Compiler:
    """Takes the place of the compiling process, whose arguments it notes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._program = folder / "compiler"
        self._notes = folder / "calls"
        self._monkeypatch = monkeypatch

    def does(self, script: str) -> None:
        """In the script, $4 is the file to make."""
        self._program.write_text(f'#!/bin/sh\necho "$*" >>"{self._notes}"\n{script}\n')
        self._program.chmod(0o700)
        self._monkeypatch.setattr(compiled.sys, "executable", str(self._program))

    @property
    def calls(self) -> list[str]:
        return self._notes.read_text().splitlines() if self._notes.exists() else []


def loaded(folder: Path, settings: EngineSettings) -> Engine:
    card, network = load_network(folder)
    return load_engine(folder, card, network, CPU, settings)


def settings_for(package: Path, **changes: object) -> EngineSettings:
    settings = EngineSettings(
        cache=package.parent, max_batch=MAX_BATCH, interim=True, reports=package.parent.parent / "reports"
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def unavailable(*_: object) -> Engine:
    """Takes the place of an engine that can't be had."""
    raise EngineUnavailable("OpenVINO is not installed")


def noise(count: int) -> torch.Tensor:
    return choice._smooth_noise(224).repeat(count, 1, 1, 1)[:count]


def probabilities(forward: Forward, card: ModelCard) -> torch.Tensor:
    return (forward.logits / card.temperature).softmax(1)


def test_pytorch_answers_until_the_network_is_compiled(
    folder: Path, card: ModelCard, made: Path, package: Path, compiler: Compiler, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    compiler.does(f'read line <"{go}"; cp "{made}" "$4"')  # ends when the test says so
    settings = settings_for(package)
    exact = probabilities(
        EagerEngine(load_network(folder)[1], card.input, CPU, torch.float32)(noise(2)), card
    )

    engine = loaded(folder, settings)

    assert isinstance(engine, ChangingEngine)
    assert not compiler.calls, "it is made once the model is known to be sound"
    (report,) = read_reports(tmp_path / "reports")
    assert (report.title, report.pid) == ("retina-oct 1.0.0", os.getpid())
    assert (report.engine, report.coming) == (engine.description, "compiled")
    assert engine.description.startswith("eager")
    engine.start()
    wait_for(lambda: compiler.calls)
    assert "--background" in compiler.calls[0]
    for _ in range(3):
        assert torch.allclose(probabilities(engine(noise(2)), card), exact, atol=0.01)
    assert engine.description.startswith("eager")

    go.write_text("\n")
    by = set()
    while coming(engine):
        assert torch.allclose(probabilities(engine(noise(2)), card), exact, atol=0.01)
        by.add(engine.description.split()[0])
    assert by <= {"eager", "compiled"}
    assert engine.description.startswith("compiled")
    assert torch.allclose(probabilities(engine(noise(2)), card), exact, atol=0.01)
    wait_for(lambda: read_reports(tmp_path / "reports")[0].coming is None)
    (report,) = read_reports(tmp_path / "reports")
    assert (report.engine, report.passed_over) == (engine.description, [])
    assert len(compiler.calls) == 1


def test_a_batch_is_run_by_one_engine_to_its_end() -> None:
    inside, go = threading.Event(), threading.Event()

    class Slow:
        description = "slow"

        def __call__(self, pixels: torch.Tensor) -> Forward:
            inside.set()
            assert go.wait(20)
            return Forward(pixels + 1)

    class Fast:
        description = "fast"

        def __call__(self, pixels: torch.Tensor) -> Forward:
            return Forward(pixels + 2)

    engine = ChangingEngine(Slow(), "fast", lambda: Fast(), changed=lambda: None)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine, torch.zeros(1))
        assert inside.wait(20)
        engine.start()
        wait_for(lambda: engine.description == "fast")
        assert engine(torch.zeros(1)).logits.item() == 2, "the next batch does not wait"
        go.set()
        assert running.result(20).logits.item() == 1


def test_the_next_engine_takes_over_when_compiling_fails(
    folder: Path, package: Path, compiler: Compiler, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    compiler.does("echo 'error: no such instruction' >&2; exit 1")
    engine = loaded(folder, settings_for(package))
    assert isinstance(engine, ChangingEngine)

    engine.start()
    wait_for(lambda: not coming(engine), timeout_s=120)

    assert engine.description.startswith("openvino")
    wait_for(lambda: read_reports(tmp_path / "reports")[0].coming is None)
    (report,) = read_reports(tmp_path / "reports")
    assert report.passed_over == ["compiled: compiling failed: error: no such instruction"]
    assert "has taken over from eager" in caplog.text

    again = loaded(folder, settings_for(package))
    assert not isinstance(again, ChangingEngine), "nothing is made in the background"
    assert again.description.startswith("openvino")
    assert len(compiler.calls) == 1, "the same is not tried again"
    assert f"it is tried again once {package.with_suffix('.failed')} is removed" in caplog.text


def test_pytorch_goes_on_when_no_other_engine_can_be_had(
    folder: Path,
    package: Path,
    compiler: Compiler,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler.does("exit 1")
    monkeypatch.setattr(choice, "OpenVinoEngine", unavailable)
    engine = loaded(folder, settings_for(package))
    assert isinstance(engine, ChangingEngine)

    engine.start()
    wait_for(lambda: not coming(engine), timeout_s=60)

    assert engine.description.startswith("eager")
    assert engine(noise(1)).logits.shape == (1, 6)
    assert "goes on answering" in caplog.text


def test_pytorch_answers_in_float32_meanwhile_where_its_fast_precision_answers_otherwise(
    folder: Path,
    card: ModelCard,
    package: Path,
    compiler: Compiler,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    compiler.does("exit 1")
    monkeypatch.setattr(choice, "OpenVinoEngine", unavailable)
    monkeypatch.setattr(eager, "fast_precision", lambda device: torch.bfloat16)
    monkeypatch.setattr(choice, "MAX_DIFFERENCE", 1e-5)  # what bf16 differs by here is too much
    exact = EagerEngine(load_network(folder)[1], card.input, CPU, torch.float32)(noise(2))

    engine = loaded(folder, settings_for(package))

    assert isinstance(engine, ChangingEngine)
    assert torch.equal(engine(noise(2)).logits, exact.logits)
    engine.start()
    wait_for(lambda: not coming(engine), timeout_s=60)
    assert engine.description == "eager fp32"
    assert torch.equal(engine(noise(2)).logits, exact.logits)
    wait_for(lambda: read_reports(tmp_path / "reports")[0].coming is None)
    first, *_ = read_reports(tmp_path / "reports")[0].passed_over
    assert first.startswith("eager bf16: its probabilities differ from float32's")


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with ranges for int8; its compiled network is the same."""
    folder = make_model(tmp_path_factory.mktemp("ranged"), architecture=ARCHITECTURE)
    give_int8(folder)
    return folder


@INT8
@pytest.mark.parametrize("there", ["nothing", "compiled"])
def test_int8_takes_over_from_what_is_there(
    ranged: Path, made: Path, package: Path, compiler: Compiler, tmp_path: Path, there: str
) -> None:
    card = ModelCard.load(ranged / CARD_NAME)
    made_int8 = compiled_path(card, small_engines(), MAX_BATCH, "int8")
    load_compiled(ranged, made_int8, MAX_BATCH, engine="int8")
    package.parent.mkdir()
    if there == "compiled":
        package.write_bytes(made.read_bytes())
    compiler.does(f'cp "{made_int8}" "$4"')
    exact = probabilities(
        EagerEngine(load_network(ranged)[1], card.input, CPU, torch.float32)(noise(2)), card
    )

    engine = loaded(ranged, settings_for(package, engine="auto-int8"))

    assert isinstance(engine, ChangingEngine)
    assert engine.description.startswith("eager" if there == "nothing" else "compiled")
    assert coming(engine) == "int8"
    assert torch.allclose(probabilities(engine(noise(2)), card), exact, atol=0.02)
    engine.start()
    wait_for(lambda: not coming(engine))
    assert engine.description.startswith("int8 with ")
    assert torch.allclose(probabilities(engine(noise(2)), card), exact, atol=0.02)
    (call,) = compiler.calls
    assert "--engine int8" in call and "--background" in call
    again = loaded(ranged, settings_for(package, engine="auto-int8"))
    assert not isinstance(again, ChangingEngine) and again.description.startswith("int8 with ")


@INT8
def test_the_compiled_network_goes_on_when_int8_can_not_be_made(
    ranged: Path, made: Path, package: Path, compiler: Compiler, tmp_path: Path
) -> None:
    package.parent.mkdir()
    package.write_bytes(made.read_bytes())
    compiler.does("exit 1")
    engine = loaded(ranged, settings_for(package, engine="auto-int8"))
    assert isinstance(engine, ChangingEngine)

    engine.start()
    wait_for(lambda: not coming(engine))

    assert engine.description.startswith("compiled")
    wait_for(lambda: read_reports(tmp_path / "reports")[0].coming is None)
    (report,) = read_reports(tmp_path / "reports")
    assert report.passed_over == ["int8: compiling failed: status 1"]
    again = loaded(ranged, settings_for(package, engine="auto-int8"))
    assert not isinstance(again, ChangingEngine) and again.description.startswith("compiled")
    assert len(compiler.calls) == 1, "the same is not tried again"


@INT8
def test_who_wants_int8_waits_for_it(ranged: Path, package: Path, compiler: Compiler) -> None:
    card = ModelCard.load(ranged / CARD_NAME)
    made_int8 = compiled_path(card, small_engines(), MAX_BATCH, "int8")
    load_compiled(ranged, made_int8, MAX_BATCH, engine="int8")
    compiler.does(f'cp "{made_int8}" "$4"')
    engine = loaded(ranged, settings_for(package, engine="int8"))
    assert engine.description.startswith("int8 with ")
    assert not isinstance(engine, ChangingEngine)
    assert "--background" not in compiler.calls[0]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        pytest.param({"engine": "compiled"}, "compiled", id="an engine that is asked for"),
        pytest.param({"interim": False}, "compiled", id="who wants no other engine first"),
    ],
)
def test_who_wants_the_compiled_engine_waits_for_it(
    folder: Path, made: Path, package: Path, compiler: Compiler, changes: dict[str, object], name: str
) -> None:
    compiler.does(f'cp "{made}" "$4"')

    engine = loaded(folder, settings_for(package, **changes))

    assert engine.description.startswith(name)
    assert len(compiler.calls) == 1
    assert "--background" not in compiler.calls[0]


@pytest.mark.parametrize("name", ["eager", "openvino"])
def test_nothing_is_compiled_for_who_asks_for_another_engine(
    folder: Path, package: Path, compiler: Compiler, name: str
) -> None:
    compiler.does("exit 1")
    engine = loaded(folder, settings_for(package, engine=name))
    assert engine.description.startswith(name)
    assert not isinstance(engine, ChangingEngine)
    assert not compiler.calls


def test_of_several_that_start_at_once_one_compiles(
    folder: Path, made: Path, package: Path, compiler: Compiler
) -> None:
    compiler.does(f'test -z "$(ls "{package.parent}"/partial-*)" && cp "{made}" "$4"')
    with ThreadPoolExecutor(4) as pool:
        wanted = [pool.submit(load_compiled, folder, package, MAX_BATCH, background=True) for _ in range(4)]
        assert all(each.result(60).description.startswith("compiled") for each in wanted)
    assert len(compiler.calls) == 1


def test_what_a_killed_process_left_is_made_anew(
    folder: Path, made: Path, package: Path, compiler: Compiler
) -> None:
    package.parent.mkdir()
    left = package.with_name(f"partial-{package.name}")
    left.write_bytes(made.read_bytes()[:1000])
    assert must_compile(package)

    compiler.does(f'test ! -e "$4" && cp "{made}" "$4"')
    load_compiled(folder, package, MAX_BATCH)

    assert not left.exists()
    assert not must_compile(package)


@pytest.mark.parametrize(
    ("script", "reason", "is_kept"),
    [
        ("exit 3", "compiling failed: status 3", True),
        ("kill -KILL $$", "compiling failed: its process was killed by signal 9", True),
        ("echo 'OSError: No space left on device' >&2; exit 1", "No space left on device", False),
    ],
)
def test_a_failure_is_noted_unless_it_may_pass(
    folder: Path,
    package: Path,
    compiler: Compiler,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    reason: str,
    is_kept: bool,
) -> None:
    monkeypatch.setattr(compiled, "END_OF_ALL_S", 0.0)
    compiler.does(f'echo half >"$4"; {script}')

    with pytest.raises(EngineUnavailable, match=reason):
        load_compiled(folder, package, MAX_BATCH)

    assert must_compile(package) is not is_kept
    assert not list(package.parent.glob("*.pt2")), "nothing half done is left"
    with pytest.raises(EngineUnavailable, match=reason):
        load_compiled(folder, package, MAX_BATCH)
    assert len(compiler.calls) == (1 if is_kept else 2)


def test_the_compiling_process_ends_with_the_one_that_wanted_it() -> None:
    child = (
        "import os, time; from handlers.engines.compiling import end_with; "
        "end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_for(lambda: not is_running(pid))


def test_in_the_background_the_compiling_process_gives_way() -> None:
    script = (
        "import os; from pathlib import Path; from handlers.engines.compiling import give_way; give_way(); "
        "print(os.getpriority(os.PRIO_PROCESS, 0), Path('/proc/self/oom_score_adj').read_text())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    niceness, killed_first = map(int, run.stdout.split())
    assert niceness >= 10
    assert killed_first == 1000


def test_a_compiling_process_without_its_parent_does_not_begin() -> None:
    orphan = "from handlers.engines.compiling import end_with; end_with(1); print('begun')"
    run = subprocess.run([sys.executable, "-c", orphan], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert "has ended" in run.stderr


def test_reports_of_processes_that_have_ended_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("not a report")
    ended = subprocess.Popen(["true"])
    ended.wait()
    text = f'{{"model": "m", "version": "1", "engine": "eager", "pid": {ended.pid}}}'
    (tmp_path / f"{ended.pid}.json").write_text(text)
    assert read_reports(tmp_path) == []
    assert read_reports(tmp_path / "missing") == []
