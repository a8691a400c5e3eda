"""The scans that are sent: files of a folder, or simulated ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import BenchmarkError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
SIMULATED_PER_LABEL = 2


def read_images(folder: Path | None, scratch: Path) -> tuple[list[bytes], str]:
    """The files' contents, and where they are from in a few words; without a folder, scans are drawn into `scratch`.

    Raises BenchmarkError when the folder holds no images.
    """
    if folder is None:
        from training.simulator.labels import LABELS
        from training.simulator.writing import IMAGES, Order, write_set

        write_set(Order(scratch, tuple(LABELS), SIMULATED_PER_LABEL, seed=0), workers=1)
        paths = _images(scratch / IMAGES)
        return [path.read_bytes() for path in paths], f"{len(paths)} simulated scans, PNG, 512 by 496 pixels"
    paths = _images(folder)
    if not paths:
        raise BenchmarkError(f"--scans: {folder} holds no images ({', '.join(SUFFIXES)}).")
    return [path.read_bytes() for path in paths], f"{len(paths)} scans of a folder ({folder.name})"


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
