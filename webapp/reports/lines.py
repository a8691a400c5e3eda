"""Sets text in lines: HarfBuzz shapes the characters of each script into glyphs, and lines break where there is room.

A text consists of words, between which lines may break. A word consists of runs, each in one font and one direction.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import uharfbuzz

from webapp.reports.bidi import FSI, PDI, in_visual_order, levels
from webapp.reports.fonts import Face, fonts_of, order_for, readable

# Scripts that are written without spaces; lines break between any two of their characters.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "IDEOGRAPHIC", "FULLWIDTH", "YI")
NEVER_FIRST = set(
    "、。，．：；？！）］｝〉》」』】〕〗〙〛’”…ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョฯๆะาำຯໆະາຳ"
)
NEVER_LAST = set("（［｛〈《「『【〔〖〘〚‘“เแโใไເແໂໃໄ")
ELLIPSIS = "…"
# The zero-width non-joiner and joiner, and the combining class of the virama, which joins consonants of Indic scripts.
JOINERS = "\u200c\u200d"
VIRAMA = 9
MISPLACED = {"Hebr", "Laoo", "Thai"}
"""Scripts for which the font's mark positioning stacks marks wrongly; without it they stand right."""
MOST_LETTERS = 2000
"""Characters of one part of a text; nobody could read more of it on a page that also holds everything else."""


@dataclass(frozen=True)
class Glyph:
    """A glyph by number, its lengths in units of its font. `place` is where its characters begin in the run's text."""

    number: int
    place: int
    advance: int
    right: int
    up: int


@dataclass(frozen=True)
class Run:
    """Characters of one font and one embedding level, without a break."""

    text: str
    face: Face
    level: int

    @cached_property
    def glyphs(self) -> tuple[Glyph, ...]:
        """Its glyphs from left to right."""
        buffer = uharfbuzz.Buffer()
        buffer.cluster_level = uharfbuzz.BufferClusterLevel.CHARACTERS
        buffer.add_str(self.text)
        buffer.direction = "rtl" if self.level % 2 else "ltr"
        buffer.guess_segment_properties()
        uharfbuzz.shape(self.face.font, buffer, {"mark": buffer.script not in MISPLACED})
        return tuple(
            Glyph(info.codepoint, info.cluster, place.x_advance, place.x_offset, place.y_offset)
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        )

    @cached_property
    def width(self) -> float:
        """The width at a font size of 1."""
        return sum(glyph.advance for glyph in self.glyphs) / self.face.units

    def cut(self, first: float, others: float) -> Iterator[Run]:
        """The run in pieces: the first at most `first` wide, all others `others`, at a font size of 1.

        Characters that belong together stay together, even where that is wider.
        """
        advances = dict.fromkeys(range(len(self.text)), 0.0)
        for glyph in self.glyphs:
            advances[glyph.place] += glyph.advance / self.face.units
        start, used, room = 0, 0.0, first
        for first_letter, end in _graphemes(self.text):
            width = sum(advances[at] for at in range(first_letter, end))
            if used + width > room and first_letter > start:
                yield Run(self.text[start:first_letter], self.face, self.level)
                start, used, room = first_letter, 0.0, others
            used += width
        yield Run(self.text[start:], self.face, self.level)


Word = tuple[Run, ...]


@dataclass(frozen=True)
class Line:
    """Runs of one line, in the order in which they are read."""

    runs: tuple[Run, ...]

    @property
    def width(self) -> float:
        """The width at a font size of 1."""
        return sum(run.width for run in self.runs)

    def in_visual_order(self) -> list[Run]:
        """The runs from left to right."""
        return in_visual_order(self.runs, lambda run: run.level)


def isolated(text: str) -> str:
    """A text that somebody entered, for a line of ours: whichever way it runs, the text around it stays in place."""
    inner = text.replace(FSI, "").replace(PDI, "")
    return f"{FSI}{inner}{PDI}" if inner else ""


def words_of(parts: Sequence[tuple[str, bool]]) -> list[Word]:
    """Parts of a text, each with whether it is bold, as words; a space is a word of its own."""
    texts = [(_bounded(readable(_bounded(text))), bold) for text, bold in parts]
    whole = "".join(text for text, _ in texts)
    order = order_for(whole)
    faces = [face for text, bold in texts for face in fonts_of(text, bold, order)]
    marked = list(zip(whole, levels(whole), faces, strict=True))
    words = []
    for start, end in _words(whole):
        seen = [item for item in marked[start:end] if item[0] not in (FSI, PDI)]
        runs = [
            Run("".join(letter for letter, _, _ in items), face, level)
            for (level, face), items in _alike(seen)
        ]
        if runs:
            words.append(tuple(runs))
    return words


def _alike(
    marked: Sequence[tuple[str, int, Face]],
) -> Iterator[tuple[tuple[int, Face], list[tuple[str, int, Face]]]]:
    """Consecutive characters of the same level and font, in groups."""
    for (level, name), items in groupby(marked, key=lambda item: (item[1], item[2].name)):
        together = list(items)
        yield (level, together[0][2]), together


def lines_of(words: Sequence[Word], room: float) -> list[Line]:
    """Break words into lines at most `room` wide, at a font size of 1. A word that is wider is cut."""
    lines: list[list[Run]] = [[]]
    used = 0.0
    for word in words:
        width = sum(run.width for run in word)
        if used + width <= room:
            if lines[-1] or not is_space(word):
                lines[-1].extend(word)
                used += width
            continue
        if is_space(word):
            lines.append([])
            used = 0.0
            continue
        if lines[-1] and width <= room:
            lines.append([])
            used = 0.0
        for run in word:
            for number, piece in enumerate(run.cut(room - used, room)):
                if number or (lines[-1] and used + piece.width > room):
                    lines.append([])
                    used = 0.0
                lines[-1].append(piece)
                used += piece.width
    return [Line(tuple(_trimmed(line))) for line in lines if _trimmed(line)]


def one_line(text: str, bold: bool, room: float | None = None) -> Line:
    """A text on one line. What goes beyond `room`, at a font size of 1, is cut off with an ellipsis."""
    runs = tuple(run for word in words_of([(text, bold)]) for run in word)
    line = Line(runs)
    if room is None or line.width <= room:
        return line
    (dots,) = (run for word in words_of([(ELLIPSIS, bold)]) for run in word)
    kept, left = list[Run](), room - dots.width
    for run in runs:
        if run.width > left:
            piece = next(run.cut(left, left))
            kept.extend([piece] if piece.width <= left else [])
            break
        kept.append(run)
        left -= run.width
    return Line((*kept, dots))


def _bounded(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + ELLIPSIS


def is_space(word: Word) -> bool:
    """Whether a word is the space between two others."""
    return word[0].text.isspace()


def _trimmed(runs: list[Run]) -> list[Run]:
    end = len(runs)
    while end and runs[end - 1].text.isspace():
        end -= 1
    return runs[:end]


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word and each space."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or _may_break(text[at - 1], text[at]):
            if at > start:
                yield start, at
            start = at


def _may_break(before: str, after: str) -> bool:
    """Whether a line may break between two characters."""
    if before == " " or after == " ":
        return True
    if before in "-/" and after.isalpha():
        return True
    if after in NEVER_FIRST or before in NEVER_LAST or _belong_together(before, after):
        return False
    return _is_unspaced(before) or (_is_unspaced(after) and before not in (FSI, PDI))


def _is_unspaced(letter: str) -> bool:
    return letter > "\u0dff" and unicodedata.name(letter, "").startswith(UNSPACED)


def _graphemes(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each character together with its marks and what is joined to it."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _belong_together(text[at - 1], text[at]):
            yield start, at
            start = at


def _belong_together(before: str, after: str) -> bool:
    """Whether a character is a mark on the one before, or joined to it."""
    if unicodedata.category(after)[0] == "M" or after in JOINERS:
        return True
    return before == JOINERS[1] or unicodedata.combining(before) == VIRAMA
