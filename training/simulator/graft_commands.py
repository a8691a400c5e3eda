"""The command `data graft`: draws lesions into real healthy scans."""

from __future__ import annotations

import argparse
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.folders import SPLITS
from training.data.manifest import (
    MANIFEST_NAME,
    DataError,
    Scan,
    of_split,
    read_manifest,
    write_manifest,
)
from training.data.sources import GRAFTED, is_simulated
from training.seeds import check_seed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEALTHY = "NORMAL"


def add_graft_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `data graft`."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="PATH", help="manifest of real scans, or its folder"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the scans")
    parser.add_argument("--per-class", type=int, required=True, metavar="N", help="scans of each label")
    parser.add_argument(
        "--labels", nargs="+", metavar="LABEL", default=[], help="(default: CSR DME DR MH NORMAL)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same scans (default: 0)")
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=SPLITS,
        default=["train", "val"],
        metavar="SPLIT",
        help="take healthy scans from these splits (default: train val)",
    )


def graft(arguments: argparse.Namespace) -> int:
    """Draw the set, and write pictures, masks and finally the manifest; returns 0.

    Raises DataError when an option is wrong, no healthy scan can be drawn into, or the disk is full.
    """
    import cv2
    from tqdm import tqdm

    from training.simulator.findings import as_mask
    from training.simulator.grafting import LABELS

    labels = arguments.labels or list(LABELS)
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise DataError(f"{unknown[0]} can't be drawn into healthy scans; {', '.join(LABELS)} can")
    if len(set(labels)) < len(labels):
        raise DataError("--labels names a label twice")
    if arguments.per_class < 1:
        raise DataError(f"--per-class must be at least 1, not {arguments.per_class}")
    check_seed(arguments.seed)
    if (arguments.out / MANIFEST_NAME).exists():
        raise DataError(f"{arguments.out} holds scans already; choose another --out")
    healthy = _healthy(arguments.data, arguments.splits)
    rows = []
    without_layers: set[Path] = set()
    with tqdm(total=len(labels) * arguments.per_class, unit="scan", disable=None) as progress:
        for label_number, label in enumerate(labels):
            grafts = _draw_grafts(healthy, label, arguments.seed * 1000 + label_number, without_layers)
            for number, (scan, picture, findings) in enumerate(itertools.islice(grafts, arguments.per_class)):
                file = Path("images") / label / f"{number:05}.png"
                mask = Path("masks") / label / file.name
                for path, content in ((file, picture), (mask, as_mask(findings))):
                    (arguments.out / path).parent.mkdir(parents=True, exist_ok=True)
                    if not cv2.imwrite(str(arguments.out / path), content):
                        raise DataError(f"{arguments.out / path} can't be written; is the disk full?")
                rows.append(
                    {
                        "file": str(file),
                        "mask": str(mask),
                        "source": GRAFTED + scan.source,
                        "label": label,
                        # The real patient's id, so that a split by patient keeps drawn scans on that patient's side.
                        "patient_id": scan.patient,
                        "width": str(picture.shape[1]),
                        "height": str(picture.shape[0]),
                        "sha256": hashlib.sha256((arguments.out / file).read_bytes()).hexdigest(),
                        "split": scan.split,
                    }
                )
                progress.update()
    write_manifest(arguments.out / MANIFEST_NAME, rows)
    print(f"wrote {len(rows)} scans and {arguments.out / MANIFEST_NAME}")
    return 0


def _healthy(data: Path, splits: Sequence[str]) -> list[Scan]:
    manifest = data / MANIFEST_NAME if data.is_dir() else data
    scans = read_manifest(manifest)
    if not all(scan.split for scan in scans):
        raise DataError(
            f"{manifest} names no splits; divide it first with `./retinote data split {manifest}`"
        )
    healthy = [
        scan
        for split in splits
        for scan in of_split(scans, split)
        if scan.label == HEALTHY and not is_simulated(scan)
    ]
    if not healthy:
        raise DataError(f"{manifest} has no real scan of {HEALTHY} in {', '.join(splits)} to draw into")
    return healthy


def _draw_grafts(
    healthy: Sequence[Scan], label: str, seed: int, without_layers: set[Path]
) -> Iterator[tuple[Scan, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Draw a label's signs into healthy scans in random order, endlessly: the scan, its picture, its findings.

    Scans whose layers can't be found are skipped and added to `without_layers`; those already there are not searched
    again. Raises DataError when no scan is left.
    """
    import numpy as np

    from training.cache import read_pixels
    from training.simulator.grafting import graft as draw

    rng = np.random.default_rng(seed)
    while len(without_layers) < len(healthy):
        for number in rng.permutation(len(healthy)):
            scan = healthy[number]
            # Drawn for skipped scans, too: a scan's picture must not depend on which labels were drawn before.
            scan_seed = int(rng.integers(2**31))
            if scan.path in without_layers:
                continue
            drawn = draw(np.ascontiguousarray(read_pixels(scan)[..., 0]), label, scan_seed)
            if drawn is None:
                without_layers.add(scan.path)
            else:
                yield scan, *drawn
    raise DataError(f"the retina's layers can be found in none of the {len(healthy)} healthy scans")
