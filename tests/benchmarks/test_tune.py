"""Which settings are tried, and which of them is chosen."""

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.tune import (
    ENGINES,
    Trial,
    best,
    candidates,
    offered,
    other_batches,
    refuse_other_engine,
)
from handlers.engines import int8
from handlers.engines.reports import EngineReport
from serving import capacity as sharing
from serving.capacity import Capacity
from tests.models import give_int8, make_model


def trial(workers: int, lone_ms: float, per_second: float) -> Trial:
    return Trial(Capacity(workers, 1), lone_ms, per_second)


def test_among_nearly_equal_throughputs_the_fastest_lone_answer_decides() -> None:
    slow, fast, weak = trial(1, 50, 100), trial(2, 20, 95), trial(3, 5, 60)
    assert best([slow, fast, weak]) is fast
    assert best([slow, weak]) is slow


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_workers_never_get_more_threads_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(sharing, "core_count", lambda: cores)
    monkeypatch.setattr(sharing, "gpu_count", lambda: 0)
    tried = list(candidates(ENGINES))
    assert {capacity.engine for capacity in tried} == set(ENGINES)
    assert all(1 <= capacity.workers * capacity.threads <= cores for capacity in tried)
    assert Capacity(1, cores, "compiled") in tried


def test_every_gpu_has_a_worker_and_engines_for_processors_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "core_count", lambda: 8)
    monkeypatch.setattr(sharing, "gpu_count", lambda: 2)
    tried = list(candidates(ENGINES))
    assert {capacity.workers for capacity in tried} == {2, 4}
    assert {capacity.engine for capacity in tried} == {"eager"}


def test_other_batch_sizes_are_tried_beside_the_one_that_led(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "gpu_count", lambda: 0)
    assert other_batches(Capacity(1, 2)) == [4]


def test_int8_is_tried_for_a_model_that_keeps_its_answers_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(int8, "has_instructions", lambda: True)
    model = make_model(tmp_path, architecture="test_convnext")
    others = [engine for engine in ENGINES if engine != "int8"]
    assert offered(ENGINES, model) == others
    assert "int8 is left out: the model has no ranges for it" in capsys.readouterr().err
    give_int8(model, correlation=0.9)
    assert offered(ENGINES, model) == others
    assert "heat maps with a correlation of 0.9000" in capsys.readouterr().err
    give_int8(model)
    assert offered(ENGINES, model) == list(ENGINES)
    assert not capsys.readouterr().err


def test_an_engine_that_another_answers_for_is_not_measured() -> None:
    report = EngineReport("retina-oct", "1.0.0", "compiled bf16", passed_over=["int8: compiling failed"])
    refuse_other_engine([report], "compiled")
    with pytest.raises(BenchmarkError, match="compiled bf16 answers in its place: int8: compiling failed"):
        refuse_other_engine([report], "int8")
