"""Decisions are numbered records with a date and a status, and the index says of each the same as the record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEAD = re.compile(
    r"# (?P<number>\d{4}): (?P<title>.+)\n\n\| Date \| Status \| Concerns \|\n\|---\|---\|---\|\n"
    r"\| (?P<date>[\d-]+) \| (?P<status>.+) \| (?P<concerns>.+) \|\n\n\S"
)
ROW = re.compile(r"^\| \[(\d{4})\]\((.+?)\) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
STATUS = re.compile(r"proposed|accepted|rejected|superseded by (?P<by>\d{4})")


@dataclass(frozen=True)
class Record:
    """What stands above a decision's text."""

    number: str
    title: str
    date: str
    status: str
    concerns: str


def read(path: Path) -> Record:
    head = HEAD.match(path.read_text(encoding="utf-8"))
    assert head, (
        f"{path.name} does not begin as the others do: number, title, date, status, what it concerns, text"
    )
    return Record(**head.groupdict())


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_number_a_date_and_a_status(path: Path) -> None:
    record = read(path)
    status = STATUS.fullmatch(record.status)

    assert path.name.startswith(f"{record.number}-")
    assert date.fromisoformat(record.date)
    assert status, f"{path.name}: the status is proposed, accepted, rejected or superseded by 0123"
    if status["by"]:
        assert list(FOLDER.glob(f"{status['by']}-*.md")), f"{path.name}: there is no decision {status['by']}"


def test_numbers_leave_no_gap_and_are_given_once() -> None:
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


def test_the_index_says_what_the_records_say() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    records = [(path.name, read(path)) for path in RECORDS]

    assert rows == [
        (record.number, name, record.title, record.concerns, record.date, record.status)
        for name, record in records
    ]
