"""The engine that PyTorch's AOTInductor compiles for this processor, once for each model, into a file that is kept.

Loading the file takes a fraction of a second; `torch.compile` would compile again in each process. Compiling takes half
a minute and much memory, so a process of its own does it (`handlers.engines.compiling`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from handlers import findings
from handlers.card import ModelCard
from handlers.engines.engine import EngineUnavailable, Forward
from handlers.engines.serving_network import fast_precision, precision_name
from handlers.engines.settings import COMPILED_SUFFIX

CPU = torch.device("cpu")
COMPILE_TIMEOUT_S = 900
MAX_CACHED = 8
"""Compiled networks that a cache folder holds; the least recently used ones are deleted."""
COMPILERS = ("g++", "clang++")
PLAIN = re.compile(r"[\w/.+-]+", re.ASCII)
"""Paths that PyTorch's call of the compiler can take."""
PLAIN_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # nosec B108 # folders with names nobody can guess are made in them


class CompiledEngine:
    """Runs a network that AOTInductor compiled. It divides batches that are larger than those it was compiled for."""

    def __init__(self, package: Path, max_batch: int) -> None:
        self._max_batch = max_batch
        try:
            # As torch._inductor.aoti_load_package does, but without importing the compiler, which takes 9 s.
            self._loader: Any = torch._C._aoti.AOTIModelPackageLoader(str(package), "model", False, 1, -1)
        except Exception as error:  # a damaged file, or one that this machine can't run
            raise EngineUnavailable(
                f"the compiled network {package.name} can't be loaded ({error})"
            ) from error

    @property
    def description(self) -> str:
        return f"compiled {precision_name(fast_precision(CPU))}"

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Forward:
        parts = [self._loader.boxed_run([part]) for part in torch.split(pixels, self._max_batch)]
        return Forward.of(
            parts[0] if len(parts) == 1 else [torch.cat(part) for part in zip(*parts, strict=True)]
        )


def load_compiled(folder: Path, card: ModelCard, cache: Path, max_batch: int) -> CompiledEngine:
    """The model in `folder`, compiled for this machine, from `cache` if it is there. Raises EngineUnavailable."""
    package = cache / f"{card.name}-{card.version}-{key(card, max_batch)}{COMPILED_SUFFIX}"
    try:
        with _locked(cache):
            if not package.exists():
                _compile(folder, package, max_batch)
            try:
                engine = CompiledEngine(package, max_batch)
            except EngineUnavailable:
                package.unlink()  # damaged, for instance by a full disk; the next start compiles it again
                raise
            os.utime(package)
            _delete_old(cache)
            return engine
    except OSError as error:
        raise EngineUnavailable(
            f"the folder {cache} for compiled networks can't be used ({error.strerror})"
        ) from error


def key(card: ModelCard, max_batch: int) -> str:
    """A hash of all that a compiled network depends on: weights, findings, versions, processor, threads, our code."""
    parts = (
        card.weights_sha256,
        card.findings and (card.findings.sha256, len(card.findings.kinds)),
        card.input,
        torch.__version__,
        torch.cpu.get_capabilities(),
        torch.get_num_threads(),
        max_batch,
    )
    total = hashlib.sha256(repr(parts).encode())
    for source in (Path(findings.__file__), *sorted(Path(__file__).parent.glob("*.py"))):
        total.update(source.read_bytes())
    return total.hexdigest()[:24]


def has_compiler() -> bool:
    """Whether there is a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)


def _compile(folder: Path, package: Path, max_batch: int) -> None:
    if not has_compiler():
        raise EngineUnavailable("there is no C++ compiler (Debian, Ubuntu: apt-get install g++)")
    partial = package.with_name(f"partial-{package.name}")
    command = [sys.executable, "-m", "handlers.engines.compiling", str(folder), str(partial)]
    command += [
        "--threads",
        str(torch.get_num_threads()),
        "--max-batch",
        str(max_batch),
    ]
    code = Path(__file__).resolve().parents[2]
    try:
        with _plain_paths() as variables:
            run = subprocess.run(
                command,
                cwd=code,
                env=os.environ | variables,
                capture_output=True,
                text=True,
                check=False,
                timeout=COMPILE_TIMEOUT_S,
            )
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]
            raise EngineUnavailable(f"compiling failed: {reason}")
        partial.replace(package)
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"compiling took longer than {COMPILE_TIMEOUT_S} s") from error
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _plain_paths() -> Iterator[dict[str, str]]:
    """Environment variables by which the compiling process finds PyTorch and a folder to work in, at plain paths.

    PyTorch splits its compiler's command at spaces, and so the paths in it.
    """
    packages = Path(torch.__file__).resolve().parents[1]
    if PLAIN.fullmatch(f"{packages}{tempfile.gettempdir()}"):
        yield {}
        return
    places = [place for place in PLAIN_PLACES if os.access(place, os.W_OK)]
    if not places:
        raise EngineUnavailable(f"the path {packages} has letters that PyTorch's compiler can't take")
    with tempfile.TemporaryDirectory(dir=places[0], prefix="retinote-") as plain:
        (link := Path(plain) / "packages").symlink_to(packages)
        yield {"PYTHONPATH": str(link), "TMPDIR": plain}


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the folder's lock: of several workers that start at once, one compiles and the others wait for its file."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _delete_old(cache: Path) -> None:
    packages = sorted(cache.glob(f"*{COMPILED_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for package in packages[MAX_CACHED:]:
        package.unlink(missing_ok=True)
