"""The scans that benchmarks send: files of a folder, or simulated ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import BenchmarkError
from imaging.formats import image_endings

SIMULATED_PER_LABEL = 2


def read_images(folder: Path | None, scratch: Path) -> tuple[list[bytes], str]:
    """The contents of the files, and a few words on their origin; without a folder, scans are drawn into `scratch`.

    Raises BenchmarkError when the folder has no images.
    """
    if folder is None:
        from training.simulator.labels import LABELS
        from training.simulator.writing import IMAGES, Order, write_set

        write_set(Order(scratch, tuple(LABELS), SIMULATED_PER_LABEL, seed=0), workers=1)
        drawn = read_scans(scratch / IMAGES)
        return drawn, f"{len(drawn)} simulated scans, PNG, 512 by 496 pixels"
    scans = read_scans(folder)
    return scans, f"{len(scans)} scans of a folder ({folder.name})"


def read_scans(folder: Path) -> list[bytes]:
    """The image files of a folder and of those below it, by path. Raises BenchmarkError when there are none."""
    if not folder.is_dir():
        raise BenchmarkError(f"There is no folder {folder}.")
    endings = image_endings()
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in endings]
    if not found:
        raise BenchmarkError(f"{folder} holds no images ({', '.join(endings)}).")
    return [path.read_bytes() for path in found]
