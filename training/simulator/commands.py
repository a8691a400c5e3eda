"""The command `data simulate`: scans, masks and their manifest written to a new folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.simulator.labels import LABELS_BY_MODALITY, OCT


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `data simulate`."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the scans")
    parser.add_argument("--per-class", type=int, required=True, metavar="N", help="scans of each label")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="same seed, same scans (default: %(default)s)"
    )
    parser.add_argument(
        "--modality",
        choices=list(LABELS_BY_MODALITY),
        default=OCT,
        help="what to draw (default: %(default)s)",
    )
    parser.add_argument(
        "--labels", nargs="+", metavar="LABEL", help="(default: all that are drawn of the modality)"
    )
    parser.add_argument("--height", type=int, default=496, metavar="PIXELS", help="(default: %(default)s)")
    parser.add_argument("--width", type=int, default=512, metavar="PIXELS", help="(default: %(default)s)")
    parser.add_argument(
        "--volumes",
        action="store_true",
        help="draw volumes instead of single scans, each a ZIP of two DICOM files: B-scans and en-face image",
    )
    parser.add_argument(
        "--bscans", type=int, default=49, metavar="N", help="B-scans of a volume (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--overwrite", action="store_true", help="replace simulated scans that are there")
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="also write a sheet of examples, JPEG or PNG"
    )


def simulate(arguments: argparse.Namespace) -> int:
    """Run `data simulate`. Raises DataError when an option or the folder is wrong, or the disk is full."""
    from training.data.manifest import DataError
    from training.simulator import volume_writing, writing

    labels = tuple(arguments.labels or LABELS_BY_MODALITY[arguments.modality])
    if arguments.volumes and arguments.modality != OCT:
        raise DataError(f"--volumes are drawn of {OCT} only")
    if arguments.volumes:
        volume_writing.write_volumes(
            writing.Order(
                folder=arguments.out,
                labels=labels,
                per_class=arguments.per_class,
                seed=arguments.seed,
                size=(arguments.height, arguments.width),
            ),
            arguments.bscans,
        )
        return 0
    writing.write_set(
        writing.Order(
            folder=arguments.out,
            labels=labels,
            per_class=arguments.per_class,
            seed=arguments.seed,
            size=(arguments.height, arguments.width),
            modality=arguments.modality,
        ),
        workers=arguments.workers,
        overwrite=arguments.overwrite,
        sheet=arguments.sheet,
    )
    return 0
