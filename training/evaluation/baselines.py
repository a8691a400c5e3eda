"""What guessing by source or by device gets right, without looking at the eye."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from imaging.decoding import examine
from imaging.errors import ImageError
from training.data.manifest import DataError, Scan
from training.evaluation.metrics import DIGITS

LEAST_OF_DEVICE = 10
"""How many scans of one size count as a device: with fewer, the most frequent label is right by chance."""


def baselines(scans: Sequence[Scan]) -> dict[str, Any]:
    """The accuracy of guessing by source and by device, for all scans, and by device for each source.

    Devices are not recorded: scans of one source with the same size in pixels count as those of one device. Raises
    DataError when a scan can't be read.
    """
    labels = [scan.label for scan in scans]
    sources = [scan.source or "unnamed" for scan in scans]
    devices: list[Hashable] = [(source, *_size(scan)) for source, scan in zip(sources, scans, strict=True)]
    counts = Counter(devices)
    # All other scans of a source count as one more device.
    devices = [
        device if counts[device] >= LEAST_OF_DEVICE else source
        for device, source in zip(devices, sources, strict=True)
    ]
    by_device = guesses(labels, devices)
    by_source = {
        source: _share([right for right, name in zip(by_device, sources, strict=True) if name == source])
        for source in sorted(set(sources))
    }
    return {
        "source": _share(guesses(labels, sources)),
        "device": _share(by_device),
        "sources": by_source,
    }


def guesses(labels: Sequence[str], kinds: Sequence[Hashable]) -> list[bool]:
    """Whether each scan's label is the most frequent label among the scans of its kind."""
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
