"""How long a volume takes: from its upload to its first answer, and until all of its B-scans are read and stored."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import requests

from benchmarks.errors import BenchmarkError
from benchmarks.report import Goal, Report
from benchmarks.stack import OCT, REQUEST_TIMEOUT_S, OwnStack
from benchmarks.uploads import new_file

BSCANS, HEIGHT, WIDTH = 49, 496, 512
LABELS = ("NORMAL", "CNV", "DME")
FIRST_LIMIT_MS, ALL_LIMIT_MS = 800.0, 2000.0
POLL_S = 0.1
PATIENCE_S = 120.0
WARM_UP = 1
SUBJECT = f"volume of {BSCANS} B-scans"
DEEP_SUBJECT = f"{SUBJECT}, 16 bits"


def simulated_volumes(seed: int) -> dict[str, list[bytes]]:
    """Simulated B-scans in TIFF files of many pages, one of each label: in 8 bits, and the same in 16 bits, by subject."""
    import numpy as np

    from training.simulator.volumes import simulate_volume

    volumes: dict[str, list[bytes]] = {SUBJECT: [], DEEP_SUBJECT: []}
    for label in LABELS:
        images = simulate_volume(label, seed, 0, BSCANS, (HEIGHT, WIDTH)).images
        # What a device adds below the 8 bits is noise, and deflates as badly.
        noise = np.random.default_rng(seed).integers(0, 256, images.shape, np.uint16)
        volumes[SUBJECT].append(_tiff(images))
        volumes[DEEP_SUBJECT].append(_tiff(images.astype(np.uint16) << 8 | noise))
    return volumes


def _tiff(images: npt.NDArray[Any]) -> bytes:
    from PIL import Image

    first, *others = map(Image.fromarray, images)
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


def measure_volumes(
    stack: OwnStack, report: Report, volumes: Mapping[str, Sequence[bytes]], *, rounds: int
) -> None:
    """Add rows and goals, of `rounds` in which one client uploads each of the volumes, of the subjects in turn.

    Raises BenchmarkError.
    """
    first_ms: dict[str, list[float]] = {subject: [] for subject in volumes}
    all_ms: dict[str, list[float]] = {subject: [] for subject in volumes}
    with requests.Session() as session:
        for number in range(WARM_UP + rounds):
            headers = stack.sign_in("admin", stack.password)
            in_turn = [
                (subject, file)
                for files in zip(*volumes.values(), strict=True)
                for subject, file in zip(volumes, files, strict=True)
            ]
            for subject, file in in_turn[:1] if number < WARM_UP else in_turn:
                first, complete = _measure(session, stack, headers, new_file(file))
                if number >= WARM_UP:
                    first_ms[subject].append(first)
                    all_ms[subject].append(complete)
    for subject in volumes:
        report.add(subject, "1 client", "upload to its first answer", "ms", first_ms[subject])
        report.add(subject, "1 client", "upload to all answers stored", "ms", all_ms[subject])
    first_row = report.find(SUBJECT, "1 client", "upload to its first answer")
    all_row = report.find(SUBJECT, "1 client", "upload to all answers stored")
    report.goals.append(Goal("first answer of a volume", first_row.median, FIRST_LIMIT_MS, unit="ms"))
    report.goals.append(Goal("all answers of a volume", all_row.median, ALL_LIMIT_MS, unit="ms"))


def _measure(
    session: requests.Session, stack: OwnStack, headers: dict[str, str], volume: bytes
) -> tuple[float, float]:
    """Milliseconds until the upload is answered, and until nothing of the volume waits. Raises BenchmarkError."""
    started = time.perf_counter()
    answer = session.post(
        f"{stack.web_url}/api/v1/scans/",
        files={"image": ("volume.tif", volume)},
        data=OCT,
        headers=headers,
        timeout=REQUEST_TIMEOUT_S,
    )
    first_ms = (time.perf_counter() - started) * 1000
    if answer.status_code != requests.codes.created:
        raise BenchmarkError(f"A volume was answered with status {answer.status_code} and no prediction.")
    address = f"{stack.web_url}/api/v1/volumes/{answer.json()['volume']['id']}/"
    while time.perf_counter() - started < PATIENCE_S:
        if session.get(address, headers=headers, timeout=REQUEST_TIMEOUT_S).json()["complete"]:
            return first_ms, (time.perf_counter() - started) * 1000
        time.sleep(POLL_S)
    raise BenchmarkError(f"A volume was not read within {PATIENCE_S:.0f} s.")
