"""What could be got right without looking at the eye: by the source of a scan, and by the settings of its device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from imaging.decoding import examine
from imaging.errors import ImageError
from training.data.manifest import DataError, Scan
from training.evaluation.figures import DIGITS

LEAST_OF_DEVICE = 10
"""Scans of one size: of fewer, the most frequent label is found by chance alone."""


def baselines(scans: Sequence[Scan]) -> dict[str, Any]:
    """The accuracy of guessing by source and by device, of all scans and of each source's; raises DataError.

    Of the device nothing is known but what its pictures show: scans of one source and of the same size in pixels count
    as those of one device with one setting.
    """
    labels = [scan.label for scan in scans]
    sources = [scan.source or "unnamed" for scan in scans]
    devices: list[Hashable] = [(source, *_size(scan)) for source, scan in zip(sources, scans, strict=True)]
    counts = Counter(devices)
    # The others of a source count as one more device.
    devices = [
        device if counts[device] >= LEAST_OF_DEVICE else source
        for device, source in zip(devices, sources, strict=True)
    ]
    by_device = guesses(labels, devices)
    found: dict[str, Any] = {
        "source": _share(guesses(labels, sources)),
        "device": _share(by_device),
        "sources": {},
    }
    for source in sorted(set(sources)):
        own = [number for number, name in enumerate(sources) if name == source]
        found["sources"][source] = _share([by_device[number] for number in own])
    return found


def guesses(labels: Sequence[str], kinds: Sequence[Hashable]) -> list[bool]:
    """Whether each scan's label is the most frequent one of its kind."""
    counts = Counter(zip(kinds, labels, strict=True))
    most: dict[Hashable, str] = {}
    for (kind, label), _ in reversed(counts.most_common()):
        most[kind] = label
    return [most[kind] == label for kind, label in zip(kinds, labels, strict=True)]


def _size(scan: Scan) -> tuple[int, int]:
    """Width and height in pixels, as the file says."""
    try:
        examined = examine(scan.path.read_bytes())
    except ImageError as error:
        raise DataError(f"{scan.path}: {error.message}") from error
    except OSError as error:
        raise DataError(f"{scan.path} can't be read ({error.strerror})") from error
    return examined.width, examined.height


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), DIGITS)
