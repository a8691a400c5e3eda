"""The engine that PyTorch's AOTInductor compiles for this processor, once for each model, into a file that is kept.

Loading the file takes a fraction of a second; `torch.compile` would compile again in each process. Compiling takes half
a minute and much memory, so a process of its own does it (`handlers.engines.compiling`), one at a time for all that
share the folder. What it makes counts once it is whole: a process that was killed leaves nothing but a partial file,
which the next removes. A failure is noted beside, so that the next start does not try the same again.
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
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from handlers import findings, int8_ranges
from handlers.card import ModelCard
from handlers.engines.engine import EngineUnavailable, Forward
from handlers.engines.serving_network import fast_precision, precision_name
from handlers.engines.settings import COMPILED, COMPILED_SUFFIX, INT8

CPU = torch.device("cpu")
COMPILE_TIMEOUT_S = 900
BACKGROUND_TIMEOUT_S = 3600
"""A compiling process that leaves the cores to others takes as long as they keep them."""
FAILED_SUFFIX = ".failed"
"""Ending of the file that takes the place of a compiled network which could not be made; it says why."""
PASSING = ("no space left", "cannot allocate memory")
"""What a compiling process prints if it may succeed another time, in lower case."""
END_OF_ALL_S = 5.0
"""When a stack is stopped, the compiling process may be killed before this one; after so long, it was killed alone."""
MAX_CACHED = 24
"""Compiled networks that a cache folder holds, for some versions of each model; the least recently used are deleted."""
COMPILERS = ("g++", "clang++")
PLAIN = re.compile(r"[\w/.+-]+", re.ASCII)
"""Paths that PyTorch's call of the compiler can take."""
PLAIN_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # nosec B108 # folders with names nobody can guess are made in them


class CompiledEngine:
    """Runs a network that AOTInductor compiled. It divides batches that are larger than those it was compiled for."""

    def __init__(self, package: Path, max_batch: int, engine: str = COMPILED) -> None:
        """`engine` is COMPILED or INT8, as the network was compiled. Raises EngineUnavailable."""
        self._max_batch = max_batch
        self._engine = engine
        try:
            # As torch._inductor.aoti_load_package does, but without importing the compiler, which takes 9 s.
            self._loader: Any = torch._C._aoti.AOTIModelPackageLoader(str(package), "model", False, 1, -1)
        except Exception as error:  # a damaged file, or one that this machine can't run
            raise EngineUnavailable(
                f"the compiled network {package.name} can't be loaded ({error})"
            ) from error

    @property
    def description(self) -> str:
        return (
            f"{self._engine} {'with ' if self._engine == INT8 else ''}{precision_name(fast_precision(CPU))}"
        )

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Forward:
        parts = [self._loader.boxed_run([part]) for part in torch.split(pixels, self._max_batch)]
        return Forward.of(
            parts[0] if len(parts) == 1 else [torch.cat(part) for part in zip(*parts, strict=True)]
        )


def compiled_path(card: ModelCard, cache: Path, max_batch: int, engine: str = COMPILED) -> Path:
    """The file in `cache` of a model that was compiled for this machine, as the engine COMPILED or INT8 runs it."""
    return cache / f"{card.name}-{card.version}-{key(card, max_batch, engine)}{COMPILED_SUFFIX}"


def must_compile(package: Path) -> bool:
    """Whether the network still has to be compiled, and can be as far as one can tell."""
    return not package.exists() and not _failed(package).exists() and has_compiler()


def load_compiled(
    folder: Path, package: Path, max_batch: int, *, background: bool = False, engine: str = COMPILED
) -> CompiledEngine:
    """The model in `folder` from its file `package` (`compiled_path`), which is made first if it is missing.

    `engine` is the one of the file's path. In the background the compiling process leaves the cores to others. Raises EngineUnavailable.
    """
    cache = package.parent
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not package.exists():
            with _locked(cache / "compiling.lock") as lock:
                if not package.exists():  # somebody else may have made it meanwhile
                    _compile(folder, package, max_batch, lock, background=background, engine=engine)
        with _locked(cache / "lock"):
            try:
                loaded = CompiledEngine(package, max_batch, engine)
            except EngineUnavailable:
                # Damaged, for instance by a full disk; the next start compiles it again.
                package.unlink(missing_ok=True)
                raise
            os.utime(package)
            _delete_old(cache)
            return loaded
    except OSError as error:
        raise EngineUnavailable(
            f"the folder {cache} for compiled networks can't be used ({error.strerror})"
        ) from error


def key(card: ModelCard, max_batch: int, engine: str = COMPILED) -> str:
    """A hash of all that a compiled network depends on: weights, findings, ranges, versions, processor, threads, code."""
    parts = (
        card.weights_sha256,
        card.findings and (card.findings.sha256, len(card.findings.kinds)),
        engine,
        card.int8.sha256 if card.int8 and engine == INT8 else None,
        card.input,
        torch.__version__,
        torch.cpu.get_capabilities(),
        torch.get_num_threads(),
        max_batch,
    )
    total = hashlib.sha256(repr(parts).encode())
    for source in (
        Path(findings.__file__),
        Path(int8_ranges.__file__),
        *sorted(Path(__file__).parent.glob("*.py")),
    ):
        total.update(source.read_bytes())
    return total.hexdigest()[:24]


def has_compiler() -> bool:
    """Whether there is a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)


def _compile(
    folder: Path, package: Path, max_batch: int, lock: int, *, background: bool, engine: str
) -> None:
    if not has_compiler():
        raise EngineUnavailable("there is no C++ compiler (Debian, Ubuntu: apt-get install g++)")
    failed = _failed(package)
    with contextlib.suppress(FileNotFoundError):
        raise EngineUnavailable(
            f"{failed.read_text(encoding='utf-8').strip()}; it is tried again once {failed} is removed"
        )
    for left in package.parent.glob("partial-*"):  # nobody else compiles, so its process was killed
        left.unlink(missing_ok=True)
    partial = package.with_name(f"partial-{package.name}")
    try:
        reason = _run_compiler(folder, partial, max_batch, lock, background=background, engine=engine)
        if reason is None:
            partial.replace(package)
            return
    finally:
        partial.unlink(missing_ok=True)
    if not any(word in reason.lower() for word in PASSING):
        with contextlib.suppress(OSError):
            failed.write_text(f"{reason}\n", encoding="utf-8")
    raise EngineUnavailable(reason)


def _run_compiler(
    folder: Path, partial: Path, max_batch: int, lock: int, *, background: bool, engine: str
) -> str | None:
    """Compile a model in a process of its own. Returns why that failed; None if it did not.

    The process keeps the lock, so that nobody else compiles before it has ended, even if this one is killed.
    """
    command = [sys.executable, "-m", "handlers.engines.compiling", str(folder), str(partial)]
    command += ["--threads", str(torch.get_num_threads()), "--max-batch", str(max_batch)]
    command += ["--engine", engine]
    command += ["--parent", str(os.getpid()), *(["--background"] if background else [])]
    timeout_s = BACKGROUND_TIMEOUT_S if background else COMPILE_TIMEOUT_S
    try:
        with _plain_paths() as variables:
            run = subprocess.run(
                command,
                cwd=Path(__file__).resolve().parents[2],
                env=os.environ | variables,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout_s,
                pass_fds=(lock,),
            )
    except subprocess.TimeoutExpired:
        return f"compiling took longer than {timeout_s} s"
    if run.returncode == 0:
        return None
    if run.returncode < 0:
        time.sleep(END_OF_ALL_S)
        return (
            f"compiling failed: its process was killed by signal {-run.returncode} (is there enough memory?)"
        )
    lines = run.stderr.strip().splitlines() or [f"status {run.returncode}"]
    return f"compiling failed: {lines[-1]}"


def _failed(package: Path) -> Path:
    return package.with_suffix(FAILED_SUFFIX)


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
def _locked(path: Path) -> Iterator[int]:
    """Hold a lock file; its descriptor. Of several workers that start at once, one compiles and the others wait."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _delete_old(cache: Path) -> None:
    for suffix in (COMPILED_SUFFIX, FAILED_SUFFIX):
        newest_first = sorted(cache.glob(f"*{suffix}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[MAX_CACHED:]:
            old.unlink(missing_ok=True)
