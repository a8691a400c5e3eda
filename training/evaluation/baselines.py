"""What could be got right without looking at the eye: by the source of a scan, and by the settings of its device."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from handlers.decoding import examine
from handlers.errors import ImageError
from training.data.manifest import DataError, Scan

DIGITS = 4


def baselines(scans: Sequence[Scan]) -> dict[str, Any]:
    """The accuracy of guessing by source and by device, of all scans and of each source's; raises DataError.

    Of the device nothing is known but what its pictures show: scans of one source and of the same size in pixels count
    as those of one device with one setting.
    """
    labels = [scan.label for scan in scans]
    sources = [scan.source or "unnamed" for scan in scans]
    by_source = guesses(labels, sources, [""] * len(scans))
    by_device = guesses(labels, [(scan.source, *_size(scan)) for scan in scans], sources)
    found: dict[str, Any] = {"source": _share(by_source), "device": _share(by_device), "sources": {}}
    for source in sorted(set(sources)):
        own = [number for number, name in enumerate(sources) if name == source]
        found["sources"][source] = _share([by_device[number] for number in own])
    return found


def guesses(labels: Sequence[str], kinds: Sequence[Hashable], wider: Sequence[Hashable]) -> list[bool]:
    """Whether the most frequent label of the *other* scans of its kind is that of each scan.

    The scan itself is left out, or a kind of one scan would always be right; such a scan is guessed by its wider kind.
    """
    of_kind: dict[Hashable, Counter[str]] = defaultdict(Counter)
    of_wider: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for label, kind, broad in zip(labels, kinds, wider, strict=True):
        of_kind[kind][label] += 1
        of_wider[broad][label] += 1
    right = []
    for label, kind, broad in zip(labels, kinds, wider, strict=True):
        counts = of_kind[kind] if of_kind[kind].total() > 1 else of_wider[broad]
        others = counts - Counter([label])
        right.append(bool(others) and others.most_common(1)[0][0] == label)
    return right


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
