"""CSV files, as manifests are written."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as a CSV file, its columns those of the first row."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
