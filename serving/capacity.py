"""How a machine is shared out among the model server's workers."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from handlers.engines.settings import AUTO, DEFAULT_MAX_BATCH

THREADS_PER_WORKER = 4
"""Beyond four threads one small network gains less than a second worker would."""
WORKER_MEMORY_GB = 1.5
MAX_WORKERS = 8


@dataclass(frozen=True)
class Batching:
    """How many requests a worker takes at once, and how long it waits for more when fewer are there.

    Requests that wait while the worker is busy fill a batch at once, so the delay is for those alone that come within
    an instant of each other, and each lone request pays for it: it is the least that TorchServe can do. With a delay
    of 0 it would take no more than two.
    """

    size: int = DEFAULT_MAX_BATCH
    delay_ms: int = 1


DEFAULT_BATCHING = Batching()


@dataclass(frozen=True)
class Capacity:
    """Workers, the threads of each, the engine that they run the network with, and how they batch."""

    workers: int
    threads: int
    engine: str = AUTO
    batching: Batching = DEFAULT_BATCHING


def capacity() -> Capacity:
    """Workers and threads for this machine by rule of thumb: a worker per GPU, else about four cores to a worker.

    Workers times threads never exceeds the cores that this process may use. `./retinote bench tune` measures instead.
    """
    cores = core_count()
    gpus = gpu_count()
    if gpus:
        return Capacity(workers=gpus, threads=max(1, cores // gpus))
    by_memory = int(psutil.virtual_memory().available / 2**30 / WORKER_MEMORY_GB)
    workers = max(1, min(cores // THREADS_PER_WORKER, by_memory, MAX_WORKERS))
    return Capacity(workers=workers, threads=max(1, cores // workers))


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor_facts() -> dict[str, str]:
    """What the system says of a core, such as its "model name" and "flags"; empty where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def gpu_count() -> int:
    """GPUs that nvidia-smi lists; asking PyTorch would take two seconds to import it."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return 0
    try:
        # Where it lies differs by system.
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)  # nosec B607
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return (
        sum(line.startswith("GPU ") for line in listed.stdout.splitlines()) if listed.returncode == 0 else 0
    )
