"""Embeds fonts into PDF files: the glyphs that they show, and the text behind these, so that it can be searched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import uharfbuzz
from reportlab.pdfbase import pdfdoc

from webapp.reports.fonts import Face
from webapp.reports.lines import Glyph, Run

# Tables that serve to shape text; the text is shaped before it is written.
UNNEEDED = ("GSUB", "GPOS", "GDEF", "OS/2", "DSIG", "cmap", "name", "post", "gasp")


class EmbeddedFont:
    """The glyphs of a font that one document uses, and the text that each stands for, by the glyph's number."""

    def __init__(self, face: Face, resource: str) -> None:
        self.face, self.resource = face, resource
        self.letters: dict[int, str] = {}

    def addObjects(self, document: Any) -> None:
        """Add the font, with the glyphs that were used, to the document. ReportLab calls this when all is written."""
        name = f"RETINO+{self.face.name}"
        subset = self._subset()
        file = _stream(subset, document)
        file.dictionary["Length1"] = len(subset)
        metrics = self.face.font.get_font_extents("ltr")
        scale = 1000 / self.face.units
        descriptor = pdfdoc.PDFDictionary(
            {
                "Type": "/FontDescriptor",
                "FontName": pdfdoc.PDFName(name),
                "Flags": 4,
                "FontBBox": pdfdoc.PDFArray(
                    [-1000, metrics.descender * scale, 3000, metrics.ascender * scale]
                ),
                "ItalicAngle": 0,
                "Ascent": metrics.ascender * scale,
                "Descent": metrics.descender * scale,
                "CapHeight": 714,
                "StemV": 80,
                "FontFile2": document.Reference(file, f"file of {name}"),
            }
        )
        widths: list[Any] = []
        for number in sorted(self.letters):
            widths += [number, pdfdoc.PDFArray([self.width(number) * scale])]
        descendant = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/CIDFontType2",
                "BaseFont": pdfdoc.PDFName(name),
                "CIDSystemInfo": pdfdoc.PDFDictionary(
                    {
                        "Registry": pdfdoc.PDFString("Adobe"),
                        "Ordering": pdfdoc.PDFString("Identity"),
                        "Supplement": 0,
                    }
                ),
                "CIDToGIDMap": "/Identity",
                "FontDescriptor": document.Reference(descriptor, f"descriptor of {name}"),
                "DW": 0,
                "W": pdfdoc.PDFArray(widths),
            }
        )
        letters = _stream(self._letters_by_glyph().encode(), document)
        font = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type0",
                "BaseFont": pdfdoc.PDFName(name),
                "Encoding": "/Identity-H",
                "DescendantFonts": pdfdoc.PDFArray([document.Reference(descendant, f"glyphs of {name}")]),
                "ToUnicode": document.Reference(letters, f"letters of {name}"),
            }
        )
        fonts = document.idToObject["BasicFonts"].dict
        fonts[self.resource] = document.Reference(font, self.resource)

    def width(self, number: int) -> int:
        """The advance width of a glyph, in units of the font."""
        return int(self.face.font.get_glyph_h_advance(number))

    def _subset(self) -> bytes:
        wanted = uharfbuzz.SubsetInput()
        wanted.glyph_set.update(self.letters)
        wanted.drop_table_tag_set.update(int.from_bytes(table.encode(), "big") for table in UNNEEDED)
        wanted.flags = uharfbuzz.SubsetFlags.RETAIN_GIDS | uharfbuzz.SubsetFlags.NO_LAYOUT_CLOSURE
        return bytes(wanted.subset(self.face.face).blob.data)

    def _letters_by_glyph(self) -> str:
        """The ToUnicode map, by which viewers find and copy text."""
        known = sorted((number, letters) for number, letters in self.letters.items() if letters)
        blocks = []
        for start in range(0, len(known), 100):  # more are not allowed in a block
            block = [f"<{number:04X}> <{_utf16(letters)}>" for number, letters in known[start : start + 100]]
            blocks.append("\n".join([f"{len(block)} beginbfchar", *block, "endbfchar"]))
        return "\n".join(
            [
                "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Letters def /CMapType 2 def",
                "1 begincodespacerange <0000> <FFFF> endcodespacerange",
                *blocks,
                "endcmap CMapName currentdict /CMap defineresource pop end end",
            ]
        )


def operators(run: Run, font: EmbeddedFont, size: float) -> Iterator[str]:
    """The PDF operators that show a run's glyphs, each at its place, and name the text that they stand for."""
    drift = 0.0  # how far the next glyph is from where it would stand, in units
    for glyphs, letters in _by_letters(run):
        for glyph in glyphs:
            font.letters.setdefault(glyph.number, letters if len(glyphs) == 1 else "")
        plain = len(glyphs) == 1 and font.letters[glyphs[0].number] == letters
        if not plain:
            yield f"/Span << /ActualText <FEFF{_utf16(letters)}> >> BDC"
        for up, level in groupby(glyphs, key=lambda glyph: glyph.up):
            shown = []
            for glyph in level:
                right = drift + glyph.right
                shown.append(
                    (f"{-right * 1000 / font.face.units:.1f}" if right else "") + f"<{glyph.number:04X}>"
                )
                drift = glyph.advance - glyph.right - font.width(glyph.number)
            rise = up / font.face.units * size
            yield f"{rise:.3f} Ts [{''.join(shown)}] TJ 0 Ts" if up else f"[{''.join(shown)}] TJ"
        if not plain:
            yield "EMC"


def _by_letters(run: Run) -> Iterator[tuple[list[Glyph], str]]:
    """Glyphs from left to right, in the smallest groups that stand for consecutive text, each with that text."""
    from_right = run.level % 2 == 1
    glyphs = run.glyphs[::-1] if from_right else run.glyphs
    starts = sorted({glyph.place for glyph in glyphs})
    end_of = dict(zip(starts, [*starts[1:], len(run.text)], strict=True))
    groups: list[tuple[list[Glyph], str]] = []
    begun, group, end = 0, list[Glyph](), 0
    for glyph, following in zip(glyphs, [*glyphs[1:], None], strict=True):
        group.append(glyph)
        end = max(end, end_of[glyph.place])
        length = sum(end_of[place] - place for place in {one.place for one in group})
        if length == end - begun and (following is None or following.place >= end):
            groups.append((group[::-1] if from_right else group, run.text[begun:end]))
            begun, group = end, []
    yield from reversed(groups) if from_right else groups


def _stream(content: bytes, document: Any) -> pdfdoc.PDFStream:
    stream = pdfdoc.PDFStream(content=content)
    if document.compression:
        stream.filters = [pdfdoc.PDFZCompress]
    return stream


def _utf16(letters: str) -> str:
    return letters.encode("utf-16-be", "replace").hex().upper()
