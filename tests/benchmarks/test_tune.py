"""Which settings are tried, and which of them is chosen."""

import pytest

from benchmarks.tune import ENGINES, Trial, best, candidates, other_batches
from serving import capacity as sharing
from serving.capacity import Capacity


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
