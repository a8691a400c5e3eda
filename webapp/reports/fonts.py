"""The fonts of a report: which one has a character, and what is written for characters that none has.

Kurinto Sans, five files for each weight, covers nearly all scripts in use. Files are mapped into memory, so that only
the parts that a page needs take up room.
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

from webapp.reports.bidi import FSI, PDI

FOLDER = Path(weblate_fonts.__file__).parent / "static" / "weblate_fonts" / "kurinto" / "ttf"
MAIN = "KurintoSans"
SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN = (f"{MAIN}{script}" for script in ("SC", "TC", "JP", "KR"))
# Format characters that may stay in a text. Others could make it seem to say something else.
KEPT = {"\u200c", "\u200d", "\u200e", "\u200f", FSI, PDI}
EAST_ASIAN = (("\u2e80", "\u9fff"), ("\uac00", "\ud7ff"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"))
SKIN_COLOURS = {chr(number) for number in range(0x1F3FB, 0x1F400)}
MOST_NAMED = 4
"""Characters without a glyph that are named one by one; of a longer run, the first ones."""
BLANKS = re.compile(" +")


class Face:
    """A font file, whose glyphs are known by number; `units` are those of the em square."""

    def __init__(self, name: str, bold: bool) -> None:
        self.name = f"{name}-{'Bd' if bold else 'Rg'}"
        self.face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(FOLDER / f"{self.name}.ttf")))
        self.font = uharfbuzz.Font(self.face)
        self.units: int = self.face.upem

    def has(self, letter: str) -> bool:
        """Whether there is a glyph for this character."""
        return self.font.get_nominal_glyph(ord(letter)) is not None


@cache
def face(name: str, bold: bool) -> Face:
    """A font by name and weight, loaded when it is first asked for."""
    return Face(name, bold)


def order_for(text: str) -> tuple[str, ...]:
    """Font names in the order in which to try them; Han characters then look as in the language of the text."""
    names = [unicodedata.name(letter, "") for letter in set(text) if letter > "\u02ff"]
    if any(name.startswith(("HIRAGANA", "KATAKANA")) for name in names):
        return MAIN, JAPANESE, SIMPLIFIED, TRADITIONAL, KOREAN
    if any(name.startswith("HANGUL") for name in names):
        return MAIN, KOREAN, TRADITIONAL, SIMPLIFIED, JAPANESE
    if any(name.startswith("BOPOMOFO") for name in names):
        return MAIN, TRADITIONAL, SIMPLIFIED, JAPANESE, KOREAN
    return MAIN, SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN


def fonts_of(text: str, bold: bool, order: Iterable[str]) -> list[Face]:
    """The font of each character: the first that has it. Characters without a shape go with the one before them."""
    faces = [face(name, bold) for name in order]
    chosen: list[Face] = []
    for letter in text:
        with_before = chosen[-1] if chosen else faces[0]
        if not _is_visible(letter) or (unicodedata.combining(letter) and with_before.has(letter)):
            chosen.append(with_before)
            continue
        asked = [*faces[1:], faces[0]] if _is_east_asian(letter) else faces
        chosen.append(next((one for one in asked if one.has(letter)), faces[0]))
    return chosen


def readable(text: str) -> str:
    """The text in NFC and on one line, with names or code points in brackets for what no font has."""
    plain = BLANKS.sub(" ", "".join(_plain(letter) for letter in unicodedata.normalize("NFC", text)))
    faces = [face(name, False) for name in (MAIN, SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN)]

    def known(letter: str) -> bool:
        return not _is_visible(letter) or any(one.has(letter) for one in faces)

    if all(known(letter) for letter in plain):
        return plain
    parts = []
    for is_known, letters in groupby(_joined(plain, known), key=lambda item: item[0]):
        signs = [sign for _, sign in letters]
        parts.append("".join(signs) if is_known else _bracketed(signs))
    return "".join(parts)


def _plain(letter: str) -> str:
    """The character as a line shows it: a space for a control character, nothing for format characters and tints."""
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if (kind == "Cf" and letter not in KEPT) or letter in SKIN_COLOURS else letter


def _joined(text: str, known: Callable[[str], bool]) -> Iterator[tuple[bool, str]]:
    """Each character and whether a font has it; joiners and variation selectors behind an unknown one are left out."""
    after_unknown = False
    for letter in text:
        if after_unknown and letter not in (FSI, PDI) and not _is_visible(letter):
            continue
        after_unknown = not known(letter)
        yield not after_unknown, letter


def _bracketed(signs: list[str]) -> str:
    """The names of characters that no font has, in brackets."""
    named = [_name(sign) for sign in signs[:MOST_NAMED]]
    more = [f"and {len(signs) - MOST_NAMED} more"] if len(signs) > MOST_NAMED else []
    return f"[{', '.join([*named, *more])}]"


def _name(sign: str) -> str:
    """The name of a symbol, or a letter's code point."""
    name = unicodedata.name(sign, "")
    if name and unicodedata.category(sign)[0] in "SP":
        return name.lower().removeprefix("regional indicator symbol ")
    return f"U+{ord(sign):04X}"


def _is_east_asian(letter: str) -> bool:
    """Whether a character is Chinese, Japanese or Korean, their punctuation and full-width forms included."""
    return any(first <= letter <= last for first, last in EAST_ASIAN)


def _is_visible(letter: str) -> bool:
    """Whether a character has a shape: not format characters, joiners and variation selectors."""
    return not (
        unicodedata.category(letter) == "Cf"
        or "\ufe00" <= letter <= "\ufe0f"
        or "\U000e0100" <= letter <= "\U000e01ef"
        or letter == "\u034f"
    )
