"""Writes a set of simulated scans: pictures, masks, and finally the manifest."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
from tqdm import tqdm

from training.data.manifest import MANIFEST_NAME, DataError, write_table
from training.data.sources import SIMULATED
from training.seeds import check_seed
from training.simulator.chest import simulate_chest
from training.simulator.device import Bytes
from training.simulator.findings import as_mask
from training.simulator.labels import CHEST_XRAY, LABELS_BY_MODALITY, OCT
from training.simulator.scans import simulate_one
from training.simulator.sheet import Draw, write_sheet

COLUMNS = ("file", "mask", "source", "label", "patient_id", "width", "height", "sha256")
IMAGES, MASKS = "images", "masks"
SMALLEST_SIDE, LARGEST_SIDE = 32, 4096
PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
"""Speckle hardly compresses: a scan takes 2.3 ms and 151 kB, with OpenCV's level 1 alone 5.6 ms and 156 kB."""
DRAWN: Mapping[str, Draw] = {
    OCT: simulate_one,
    CHEST_XRAY: simulate_chest,
}
"""By modality, what draws the picture of a label, by seed, number and size (height, width)."""
CHUNK = 16
"""Scans that a worker draws at a time."""


@dataclass(frozen=True)
class Order:
    """What to draw where; `size` is (height, width) in pixels."""

    folder: Path
    labels: tuple[str, ...]
    per_class: int
    seed: int
    size: tuple[int, int] = (496, 512)
    modality: str = OCT


Row = dict[str, str]


def write_set(
    order: Order, *, workers: int | None = None, overwrite: bool = False, sheet: Path | None = None
) -> Path:
    """Draw and write the set, and a sheet of examples to the file `sheet` if one is named; returns the manifest.

    The manifest is written last: a set without it is unfinished. Raises DataError when the order is wrong, or when the
    folder holds something already or can't be written to.
    """
    check(order, workers)
    manifest = order.folder / MANIFEST_NAME
    try:
        _empty(order.folder, overwrite)
        for label in order.labels:
            for kind in (IMAGES, MASKS):
                (order.folder / kind / label).mkdir(parents=True)
        total = len(order.labels) * order.per_class
        with tqdm(total=total, desc="simulating", unit="scan", disable=None) as progress:
            rows = []
            for written in _write_all(order, workers or len(os.sched_getaffinity(0))):
                rows.extend(written)
                progress.update(len(written))
        write_table(manifest, COLUMNS, rows)
        if sheet is not None:
            sheet.parent.mkdir(parents=True, exist_ok=True)
            write_sheet(sheet, order.labels, order.seed, DRAWN[order.modality])
    except OSError as error:
        raise DataError(
            f"{error.filename or order.folder}: {error.strerror or error}; the set in {order.folder} is unfinished, "
            "free some space or choose another folder and draw it again with --overwrite"
        ) from error
    return manifest


def check(order: Order, workers: int | None) -> None:
    """Raise DataError when labels, counts, seed or size of an order are wrong."""
    drawn = LABELS_BY_MODALITY[order.modality]
    unknown = [label for label in order.labels if label not in drawn]
    if unknown:
        raise DataError(
            f"--labels: there is no label {', '.join(unknown)}; the simulator draws {', '.join(drawn)}"
        )
    if len(set(order.labels)) < len(order.labels):
        raise DataError("--labels names a label twice")
    if order.per_class < 1:
        raise DataError(f"--per-class is {order.per_class}; draw at least 1 scan of each label")
    check_seed(order.seed)
    if workers is not None and workers < 1:
        raise DataError(f"--workers is {workers}; at least 1 process is needed")
    for option, pixels in zip(("--height", "--width"), order.size, strict=True):
        if not SMALLEST_SIDE <= pixels <= LARGEST_SIDE:
            raise DataError(f"{option} is {pixels}; choose {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")


def _empty(folder: Path, overwrite: bool) -> None:
    """Make the folder, or empty it; the manifest goes first, so that what is left of a set never looks whole."""
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise DataError(f"{folder} is not empty; choose another --out or add --overwrite")
        foreign = sorted({entry.name for entry in folder.iterdir()} - {IMAGES, MASKS, MANIFEST_NAME})
        if foreign:
            raise DataError(
                f"{folder} holds {foreign[0]}, which is not the simulator's; choose another --out"
            )
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        for kind in (IMAGES, MASKS):
            if (folder / kind).is_dir():
                shutil.rmtree(folder / kind)
    folder.mkdir(parents=True, exist_ok=True)


def _write_all(order: Order, workers: int) -> Iterator[list[Row]]:
    jobs = [
        (order, label, range(first, min(first + CHUNK, order.per_class)))
        for label in order.labels
        for first in range(0, order.per_class, CHUNK)
    ]
    if workers == 1 or len(jobs) == 1:
        yield from map(_write_chunk, jobs)
        return
    # A forked copy of a process with threads may hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(_write_chunk, jobs)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_chunk(job: tuple[Order, str, range]) -> list[Row]:
    order, label, numbers = job
    return [_write_one(order, label, number) for number in numbers]


def _write_one(order: Order, label: str, number: int) -> Row:
    image, findings = DRAWN[order.modality](label, order.seed, number, order.size)
    name = f"{number:05d}.png"
    file, mask_file = Path(IMAGES, label, name), Path(MASKS, label, name)
    encoded = _png(image)
    (order.folder / file).write_bytes(encoded)
    (order.folder / mask_file).write_bytes(_png(as_mask(findings)))
    return {
        "file": file.as_posix(),
        "mask": mask_file.as_posix(),
        "source": SIMULATED,
        "label": label,
        "patient_id": f"{SIMULATED}:{order.seed}-{number:05d}",
        "width": str(order.size[1]),
        "height": str(order.size[0]),
        "sha256": hashlib.sha256(encoded).hexdigest(),
    }


def _png(image: Bytes) -> bytes:
    _, encoded = cv2.imencode(".png", image, PNG_OPTIONS)
    return encoded.tobytes()
