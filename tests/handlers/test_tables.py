"""Cells and paths that other programs open: never a formula, never another folder, and read back as they were."""

from __future__ import annotations

import csv
import io
from pathlib import PurePosixPath
from typing import Any

import pytest

from handlers.tables import TableWriter, path_part, plain_text, safe_cell

FORMULAS = (
    '=HYPERLINK("https://example.org","CNV")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "＝1+1",
    "'=1",
)
PLAIN = ("CNV", "", "a=b", "x-ray", "'quoted'", "'", "-0.5", "1e-05", "DR +", "wet (AMD)")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_a_text(text: str) -> None:
    cell = safe_cell(text)
    assert cell == f"'{text}" and plain_text(cell) == text


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text == plain_text(text)


@pytest.mark.parametrize("value", [None, 0, -1, -0.25, True])
def test_what_is_no_text_stays_as_it_is(value: Any) -> None:
    assert safe_cell(value) is value


def test_every_cell_of_a_table_is_safe() -> None:
    file = io.StringIO()
    writer = TableWriter(file)
    writer.write_row(["label", "=1"])
    writer.write_row(["@A", -1.5])
    assert file.getvalue() == "label,'=1\n'@A,-1.5\n"
    assert [list(map(plain_text, row)) for row in csv.reader(file.getvalue().splitlines())][1] == [
        "@A",
        "-1.5",
    ]


@pytest.mark.parametrize(
    "text",
    ["../../x", "..", ".", "", "/etc/passwd", "a\\b", "C:x", "x\0y", " x", "x.", "\udcff", "a\nb", "~"],
)
def test_no_text_leads_to_another_folder(text: str) -> None:
    part = path_part(text)
    assert PurePosixPath(part).parts == (part,) and part.strip(" .") == part
    assert not set(part) & set('/\\:\0\n"')
    assert path_part(part) == part and part != text


def test_texts_that_differ_name_different_folders() -> None:
    assert len({path_part(text) for text in ("a/b", "a\\b", "a_b", "a:b")}) == 4
    assert path_part("wet (AMD)") == "wet (AMD)" and path_part("Ödem") == "Ödem"
