"""How many workers the model server starts on a machine, and how many threads each gets."""

import itertools
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from handlers.engines.settings import AUTO, DEFAULT_MAX_BATCH

THREADS_PER_WORKER = 4
"""Beyond four threads, a second worker gains more than further threads for one small network."""
WORKER_MEMORY_GB = 1.5
"""Memory of a worker in GiB, when one is chosen by memory."""
MAX_WORKERS = 8


@dataclass(frozen=True)
class Batching:
    """How many requests a worker takes at once, and how long it waits for more if there are fewer.

    Requests that wait while the worker is busy fill a batch at once. The delay helps just those that come within an
    instant of each other, and each lone request pays for it, so it is the shortest that TorchServe can do. With a delay
    of 0, TorchServe would make no batches of more than two.
    """

    size: int = DEFAULT_MAX_BATCH
    delay_ms: int = 1


DEFAULT_BATCHING = Batching()


@dataclass(frozen=True)
class Capacity:
    """The number of workers, the threads of each, their engine, and their batching."""

    workers: int
    threads: int
    engine: str = AUTO
    batching: Batching = DEFAULT_BATCHING


def capacity() -> Capacity:
    """Workers and threads for this machine by rule of thumb: a worker per GPU, or else one for about four cores.

    Workers times threads never exceeds the cores that this process may use, except with more GPUs than cores.
    `./retinote bench tune` finds better values by measuring.
    """
    cores = core_count()
    gpus = gpu_count()
    if gpus:
        return Capacity(workers=gpus, threads=max(1, cores // gpus))
    by_memory = int(psutil.virtual_memory().available / 2**30 / WORKER_MEMORY_GB)
    workers = max(1, min(cores // THREADS_PER_WORKER, by_memory, MAX_WORKERS))
    return Capacity(workers=workers, threads=max(1, cores // workers))


def core_count() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor_facts() -> dict[str, str]:
    """Facts about a core from /proc/cpuinfo, such as "model name" and "flags"; empty if it can't be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def gpu_count() -> int:
    """The number of GPUs that nvidia-smi lists and that CUDA_VISIBLE_DEVICES, if it is set, lets programs see.

    Asking PyTorch would take two seconds to import it.
    """
    visible = visible_gpus(os.environ)
    if visible == 0:
        return 0
    try:
        # Found by PATH, as its place differs between systems.
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)  # nosec B607
    except (OSError, subprocess.TimeoutExpired):
        return 0
    if listed.returncode:
        return 0
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return count if visible is None else min(count, visible)


def visible_gpus(variables: Mapping[str, str]) -> int | None:
    """How many GPUs CUDA_VISIBLE_DEVICES names; None if it is not set. As in CUDA, what follows a -1 doesn't count."""
    named = variables.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    return len(list(itertools.takewhile(lambda name: name.strip() not in ("", "-1"), named.split(","))))
