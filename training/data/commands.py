"""The command `data`: its actions `import` and `split`; `simulate` and `graft` are the simulator's."""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.data.folders import SPLITS, LeftOut, printable
from training.data.frozen import is_frozen
from training.data.layouts import Layout, layouts
from training.data.listing import list_files
from training.data.manifest import (
    MANIFEST_NAME,
    DataError,
    Scan,
    read_manifest,
    read_rows,
    write_manifest,
    write_table,
)
from training.data.reading import join
from training.seeds import check_seed
from training.simulator.commands import add_simulate_arguments, simulate
from training.simulator.graft_commands import add_graft_arguments, graft

NAMED = 20
"""How many files are named on the terminal for each reason; the table beside the manifest names all."""
LEFT_OUT_COLUMNS = ("file", "reason", "like")
PUBLISHED_SETS_LEAK = """\
Published OCT sets leak: OCTDL and Kermany list some patients under two ids, and OCT-C8, which names no patients, was
put together from other sets. Metrics on their own splits are too good; those by patient are lower and true."""


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `data` and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    text = "read a data set as its publisher ships it, check every file, write a manifest"
    adding = actions.add_parser("import", help=text, description=text[0].upper() + text[1:] + ".")
    adding.add_argument("layout", choices=list(layouts()), help="which data set")
    adding.add_argument("path", type=Path, metavar="PATH", help="folder that it was unpacked to")
    adding.add_argument(
        "--out", type=Path, metavar="MANIFEST", help=f"manifest to write (default: PATH/{MANIFEST_NAME})"
    )
    existing = adding.add_mutually_exclusive_group()
    existing.add_argument("--append", action="store_true", help="add to the manifest that is there")
    existing.add_argument("--overwrite", action="store_true", help="replace the manifest that is there")
    adding.add_argument(
        "--keep-duplicates", action="store_true", help="keep identical scans (default: one of each)"
    )
    adding.add_argument(
        "--source",
        metavar="NAME",
        help="name for the column source (default: the data set's, or the folder's)",
    )
    adding.add_argument(
        "--patient",
        metavar="PATTERN",
        help="where file names have the patient: a regular expression with a group (?P<patient>...); it counts more than a "
        "table or an earlier manifest",
    )

    text = "divide scans into train, val and test so that no patient is on two sides"
    dividing = actions.add_parser("split", help=text, description=text[0].upper() + text[1:] + ".")
    dividing.add_argument(
        "manifests",
        type=Path,
        nargs="+",
        metavar="MANIFEST",
        help="manifests, or folders with one; divided as one",
    )
    dividing.add_argument("--val", type=float, default=0.15, metavar="SHARE", help="(default: %(default)s)")
    dividing.add_argument("--test", type=float, default=0.15, metavar="SHARE", help="(default: %(default)s)")
    dividing.add_argument("--seed", type=int, default=0, metavar="INT", help="(default: %(default)s)")
    dividing.add_argument(
        "--check", action="store_true", help="only check the split that is there; exit status 2 if it leaks"
    )

    text = "draw B-scans of every label, with masks of the lesions"
    simulating = actions.add_parser("simulate", help=text, description=text[0].upper() + text[1:] + ".")
    add_simulate_arguments(simulating)

    text = "draw lesions into real healthy scans, with their masks"
    grafting = actions.add_parser("graft", help=text, description=text[0].upper() + text[1:] + ".")
    add_graft_arguments(grafting)


def data(arguments: argparse.Namespace) -> int:
    """Run one of the actions; returns 0. Raises DataError with a message for people."""
    actions = {"import": import_data, "split": split_data, "simulate": simulate, "graft": graft}
    return actions[arguments.action](arguments)


def import_data(arguments: argparse.Namespace) -> int:
    """Write the manifest of a data set, and beside it a table of the files that were left out; returns 0.

    Raises DataError when the folder is laid out otherwise, when nothing in it can be used, or when the manifest is that
    of a frozen data set.
    """
    layout = _with_patients(layouts()[arguments.layout], arguments.patient)
    manifest: Path = arguments.out or arguments.path
    if manifest.is_dir():
        manifest /= MANIFEST_NAME
    if is_frozen(manifest):
        raise DataError(f"{manifest} is that of a frozen data set and stays as it is; choose another --out")
    replacing = manifest.exists() and not (arguments.append or arguments.overwrite)
    if replacing and not _came_with_the_data(manifest, layout, arguments.path):
        raise DataError(f"{manifest} is there already; add --append, --overwrite or another --out")
    table = manifest.with_name(f"{manifest.stem}.left-out.csv")
    listing = list_files(layout, arguments.path, own=(manifest, table))
    if arguments.source:
        listing = replace(listing, scans=[replace(scan, source="") for scan in listing.scans])
    source = arguments.source or (arguments.layout if layout.classes else arguments.path.resolve().name)
    earlier = read_rows(manifest)[1] if arguments.append and manifest.exists() else []

    from training.data.importing import as_scan, import_files

    manifest.parent.mkdir(parents=True, exist_ok=True)
    imported = import_files(listing, manifest, source, earlier, arguments.keep_duplicates)
    write_manifest(manifest, imported.rows)
    _write_left_out(table, imported.left_out)

    for warning in listing.warnings:
        _warn(warning)
    _warn_left_out(imported.left_out, table)
    for ids in imported.joined_patients[:NAMED]:
        _warn(f"{' and '.join(ids)} share an identical scan, and count as one patient: {ids[0]}")
    if len(imported.joined_patients) > NAMED:
        _warn(f"{len(imported.joined_patients) - NAMED} further sets of patients share an identical scan")
    scans = [as_scan(row, manifest.parent) for row in imported.rows]
    _print_counts(scans)
    print(f"wrote {manifest}: {len(scans)} scans, {len(imported.left_out)} left out")
    _print_leaks_of_published(scans)
    return 0


def _came_with_the_data(manifest: Path, layout: Layout, path: Path) -> bool:
    """Whether a manifest came with the data that are imported; an imported one would hold hashes of pixels.

    The import keeps what it says, so that it may be replaced.
    """
    if layout.classes or manifest.resolve() != (path / MANIFEST_NAME).resolve():
        return False
    return not any(row.get("pixels_sha256") for row in read_rows(manifest)[1])


def split_data(arguments: argparse.Namespace) -> int:
    """Divide manifests, or check how they are divided; returns 0.

    Raises DataError when the split leaks, and instead of dividing a frozen data set.
    """
    check_seed(arguments.seed)
    manifests = [path / MANIFEST_NAME if path.is_dir() else path for path in arguments.manifests]
    for manifest in manifests:
        if not manifest.is_file():
            raise DataError(f"{manifest} is not there; `./retinote data import` writes one")
        if is_frozen(manifest) and not arguments.check:
            raise DataError(
                f"{manifest} is that of a frozen data set: it is divided already and stays as it is; divide other data "
                "without it"
            )

    from imaging.fingerprint import near_pairs
    from training.data.importing import with_hashes
    from training.data.leaks import find_leaks, refuse_leaks
    from training.data.split import patient_groups, three_way_split

    scans = join(manifests, [read_manifest(manifest) for manifest in manifests])
    rows = [with_hashes(read_rows(manifest)[1], manifest.parent) for manifest in manifests]
    scans = [
        replace(
            scan,
            sha256=row["sha256"],
            pixels_sha256=row["pixels_sha256"],
            perceptual_hash=row["perceptual_hash"],
        )
        for scan, row in zip(scans, (row for table in rows for row in table), strict=True)
    ]
    if arguments.check:
        if not all(scan.split for scan in scans):
            raise DataError("there is no split to check; run `./retinote data split` without --check")
        _print_counts(scans)
        report = find_leaks(scans)
        for remark in report.remarks():
            _warn(remark)
        refuse_leaks(report, manifests)
        print("no patient and no identical scan is on two sides")
        return 0
    pairs = near_pairs([scan.perceptual_hash for scan in scans])
    groups = patient_groups(scans, alike=[(first, second) for first, second, _ in pairs.tolist()])
    _print_links(scans, pairs.tolist())
    decided = three_way_split(scans, groups, arguments.val, arguments.test, arguments.seed)
    sides = iter(decided)
    for manifest, table in zip(manifests, rows, strict=True):
        write_manifest(manifest, [row | {"split": next(sides).split} for row in table])
    _print_counts(decided)
    print(f"wrote the column split of {', '.join(map(str, manifests))} (seed {arguments.seed})")
    _print_that_published_sets_leak(decided)
    return 0


def _with_patients(layout: Layout, pattern: str | None) -> Layout:
    """The layout with another pattern for patients in file names."""
    if pattern is None:
        return layout
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise DataError(f"--patient {pattern!r} is no regular expression: {error}") from error
    if "patient" not in groups:
        raise DataError(f"--patient {pattern!r} has no group (?P<patient>...)")
    return replace(layout, patient=pattern)


def _write_left_out(table: Path, left_out: Sequence[LeftOut]) -> None:
    """Write the table of files that were left out; if there are none, remove the table of an earlier import."""
    if not left_out:
        table.unlink(missing_ok=True)
        return
    rows = [
        {
            "file": printable(entry.file),
            "reason": entry.reason,
            "like": printable(entry.like) if entry.like else "",
        }
        for entry in left_out
    ]
    write_table(table, LEFT_OUT_COLUMNS, rows)


def _warn_left_out(left_out: Sequence[LeftOut], table: Path) -> None:
    """Warn of the files that were left out: for each reason the count and the first names."""
    by_reason: dict[str, list[LeftOut]] = defaultdict(list)
    for entry in left_out:
        by_reason[entry.reason.split(":")[0]].append(entry)
    for reason, entries in by_reason.items():
        _warn(f"left out {len(entries)}, {reason}:")
        for entry in entries[:NAMED]:
            detail = entry.reason.removeprefix(reason).removeprefix(": ")
            same = f" = {printable(entry.like)}" if entry.like else ""
            print(f"  {printable(entry.file)}{same}" + (f" ({detail})" if detail else ""), file=sys.stderr)
        if len(entries) > NAMED:
            print(f"  and {len(entries) - NAMED} more; {table} names them all", file=sys.stderr)


def _print_counts(scans: Sequence[Scan]) -> None:
    """Print a table of scans and patients by label and split."""
    sides = [side for side in (*SPLITS, "") if any(scan.split == side for scan in scans)]
    print(f"{'label':<12}" + "".join(f"{side or 'scans':>8}{'patients':>10}" for side in sides))
    for label in sorted({scan.label for scan in scans}):
        cells = []
        for side in sides:
            part = [scan for scan in scans if scan.label == label and scan.split == side]
            patients = {scan.patient for scan in part if scan.patient}
            cells.append(f"{len(part):>8}{len(patients) or '-':>10}")
        print(f"{label:<12}" + "".join(cells))


def _print_links(scans: Sequence[Scan], pairs: Sequence[Sequence[int]]) -> None:
    """Print the pairs of nearly identical scans that don't name the same patient."""
    unlinked = [
        (scans[first], scans[second], bits)
        for first, second, bits in pairs
        if not scans[first].patient or scans[first].patient != scans[second].patient
    ]
    if not unlinked:
        return
    contradicting = sum(first.label != second.label for first, second, _ in unlinked)
    print(
        f"{len(unlinked)} pair(s) of identical or nearly identical scans don't name the same patient "
        f"({contradicting} of them with different labels); each pair is kept on one side:"
    )
    for first, second, bits in unlinked[:NAMED]:
        labels = "" if first.label == second.label else f", {first.label} and {second.label}"
        print(f"  {first.path} ~ {second.path} ({bits} of 256 bits differ{labels})")
    if len(unlinked) > NAMED:
        print(f"  and {len(unlinked) - NAMED} more")


def _print_leaks_of_published(scans: Sequence[Scan]) -> None:
    """Warn of leaks in the split that a data set came with; none is refused, as `data split` can divide it again."""
    from training.data.leaks import find_leaks

    if not any(scan.split for scan in scans):
        return
    report = find_leaks(scans)
    for line in (*report.refusals(), *report.remarks()):
        _warn(line)
    _print_that_published_sets_leak(scans)


def _print_that_published_sets_leak(scans: Sequence[Scan]) -> None:
    if {scan.source for scan in scans} & layouts().keys():
        print(PUBLISHED_SETS_LEAK)


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
