"""Text that runs from right to left, in lines that run from left to right. Capitals stand for Hebrew letters."""

from __future__ import annotations

import pytest

from webapp.reports.bidi import FSI, PDI, in_visual_order, levels

HEBREW = {chr(ord("A") + number): chr(ord("א") + number) for number in range(26)}
MARKS = {"<": FSI, ">": PDI}


def seen(text: str) -> str:
    """A text as it stands from left to right, without the marks that keep a part apart."""
    there = {**HEBREW, **MARKS}
    back = {letter: name for name, letter in there.items()}
    written = "".join(there.get(letter, letter) for letter in text)
    in_view = in_visual_order(list(zip(written, levels(written), strict=True)), lambda item: item[1])
    return "".join(back.get(letter, letter) for letter, _ in in_view if back.get(letter) not in MARKS)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("scan of p-7", "scan of p-7"),
        ("scan of ABC", "scan of CBA"),
        ("ABC DEF", "FED CBA"),
        ("ABC agrees: dme", "CBA agrees: dme"),
        ("note: ABC 300 DEF", "note: FED 300 CBA"),
        ("ABC 12:30 DEF", "FED 12:30 CBA"),
        ("ABC 5% DEF", "FED 5% CBA"),
        ("AB (CD) EF", "FE )DC( BA"),
        ("AB (cd) EF", "BA (cd) FE"),
        ("ab (CD) ef", "ab (DC) ef"),
        ("<ABC (od), DEF>", "FED ,)od( CBA"),
        ("ABC\u0301 x", "\u0301CBA x"),
        # Arabic letters, and digits of both kinds after them.
        ("\u0633\u0634 12 \u0663\u0664", "\u0663\u0664 12 \u0634\u0633"),
        ("", ""),
    ],
)
def test_letters_stand_where_a_reader_expects_them(text: str, expected: str) -> None:
    assert seen(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        # The full stop belongs to the Hebrew sentence, and the number to ours.
        ("note: ABC.", "note: CBA."),
        ("note: <ABC.>", "note: .CBA"),
        ("by <ABC>, 12 px", "by CBA, 12 px"),
        ("by ABC, 12 px", "by 12 ,CBA px"),
        ("<ABC> <DEF>", "CBA FED"),
        ("<ab>: <AB. cd <EF.> GH> x", "ab: HG .FE cd .BA x"),
        ("<ABC", "CBA"),
        ("ABC>", "CBA"),
    ],
)
def test_what_is_kept_apart_moves_nothing_around_it(text: str, expected: str) -> None:
    assert seen(text) == expected


def test_many_brackets_take_no_more_time_than_few() -> None:
    deep = "(" * 2000 + "א" + ")" * 2000
    assert len(levels(deep)) == len(deep)
