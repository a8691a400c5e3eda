"""The fonts of a report: which one has a letter, and what is written in its place where none has it.

Kurinto Sans, in five files a weight, has nearly all scripts that are in use. A file is mapped, not read: what a page does
not need of it takes no memory.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import uharfbuzz
import weblate_fonts

from webapp.reports.bidi import APART, END_OF_PART

FOLDER = Path(weblate_fonts.__file__).parent / "static" / "weblate_fonts" / "kurinto" / "ttf"
MAIN = "KurintoSans"
SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN = (f"{MAIN}{script}" for script in ("SC", "TC", "JP", "KR"))
# Steering signs that may stay in a text; what else steers could make it seem to say something else.
KEPT = {"\u200c", "\u200d", "\u200e", "\u200f", APART, END_OF_PART}
EAST_ASIAN = (("\u2e80", "\u9fff"), ("\uac00", "\ud7ff"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"))
SKIN_COLOURS = {chr(number) for number in range(0x1F3FB, 0x1F400)}
MOST_NAMED = 4
"""Signs without a glyph that are named one by one; of longer runs the first ones are."""
BLANKS = re.compile(" +")


class Face:
    """A font file. Its glyphs are known by number."""

    def __init__(self, name: str, bold: bool) -> None:
        self.name = f"{name}-{'Bd' if bold else 'Rg'}"
        self.face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(FOLDER / f"{self.name}.ttf")))
        self.font = uharfbuzz.Font(self.face)
        self.units: int = self.face.upem

    def has(self, letter: str) -> bool:
        """Whether there is a glyph for this one."""
        return self.font.get_nominal_glyph(ord(letter)) is not None


@cache
def face(name: str, bold: bool) -> Face:
    """A font by name and weight, loaded when it is first asked for."""
    return Face(name, bold)


def order_for(text: str) -> tuple[str, ...]:
    """Fonts in the order in which they are asked for a letter: Chinese signs look as in the text's language."""
    names = [unicodedata.name(letter, "") for letter in set(text) if letter > "\u02ff"]
    if any(name.startswith(("HIRAGANA", "KATAKANA")) for name in names):
        return MAIN, JAPANESE, SIMPLIFIED, TRADITIONAL, KOREAN
    if any(name.startswith("HANGUL") for name in names):
        return MAIN, KOREAN, TRADITIONAL, SIMPLIFIED, JAPANESE
    if any(name.startswith("BOPOMOFO") for name in names):
        return MAIN, TRADITIONAL, SIMPLIFIED, JAPANESE, KOREAN
    return MAIN, SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN


def fonts_of(text: str, bold: bool, order: Iterable[str]) -> list[Face]:
    """The font of each letter: the first that has it; signs without a shape of their own go with what is before them."""
    faces = [face(name, bold) for name in order]
    chosen: list[Face] = []
    for letter in text:
        with_before = chosen[-1] if chosen else faces[0]
        if not _is_seen(letter) or (unicodedata.combining(letter) and with_before.has(letter)):
            chosen.append(with_before)
            continue
        asked = [*faces[1:], faces[0]] if _is_east_asian(letter) else faces
        chosen.append(next((one for one in asked if one.has(letter)), faces[0]))
    return chosen


def readable(text: str) -> str:
    """The text in one normal form and on one line, with names or numbers in brackets for what no font has."""
    plain = BLANKS.sub(" ", "".join(_plain(letter) for letter in unicodedata.normalize("NFC", text)))
    faces = [face(name, False) for name in (MAIN, SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN)]

    def known(letter: str) -> bool:
        return not _is_seen(letter) or any(one.has(letter) for one in faces)

    if all(known(letter) for letter in plain):
        return plain
    parts = []
    for is_known, letters in groupby(_joined(plain, known), key=lambda item: item[0]):
        signs = [sign for _, sign in letters]
        parts.append("".join(signs) if is_known else _in_words(signs))
    return "".join(parts)


def _plain(letter: str) -> str:
    """A letter that can stand in a line, a space in place of a control sign, nothing in place of what steers or tints."""
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if (kind == "Cf" and letter not in KEPT) or letter in SKIN_COLOURS else letter


def _joined(text: str, known: Callable[[str], bool]) -> Iterator[tuple[bool, str]]:
    """Each letter and whether it is known; what joins or varies unknown signs is left out."""
    after_unknown = False
    for letter in text:
        if after_unknown and letter not in (APART, END_OF_PART) and not _is_seen(letter):
            continue
        after_unknown = not known(letter)
        yield not after_unknown, letter


def _in_words(signs: list[str]) -> str:
    """Signs that no font has, in brackets."""
    named = [_name(sign) for sign in signs[:MOST_NAMED]]
    more = [f"and {len(signs) - MOST_NAMED} more"] if len(signs) > MOST_NAMED else []
    return f"[{', '.join([*named, *more])}]"


def _name(sign: str) -> str:
    """What a picture shows, or the number of a letter."""
    name = unicodedata.name(sign, "")
    if name and unicodedata.category(sign)[0] in "SP":
        return name.lower().removeprefix("regional indicator symbol ")
    return f"U+{ord(sign):04X}"


def _is_east_asian(letter: str) -> bool:
    """Whether a letter belongs to Chinese, Japanese or Korean, with their punctuation and their wide forms."""
    return any(first <= letter <= last for first, last in EAST_ASIAN)


def _is_seen(letter: str) -> bool:
    """Whether a letter has a shape: not what joins, parts or varies others."""
    return not (
        unicodedata.category(letter) == "Cf"
        or "\ufe00" <= letter <= "\ufe0f"
        or "\U000e0100" <= letter <= "\U000e01ef"
        or letter == "\u034f"
    )
