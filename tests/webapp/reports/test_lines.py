"""Text of all scripts in lines: glyphs for every letter, joined as they should be, broken where there is room."""

from __future__ import annotations

import pytest

from webapp.reports import lines
from webapp.reports.fonts import readable
from webapp.reports.lines import isolated, lines_of, one_line, words_of

SCRIPTS = {
    "Korean": "망막 중심부 부종이 있음",
    "Simplified Chinese": "黄斑水肿，建议三个月后复查。",
    "Traditional Chinese": "黃斑部水腫，建議三個月後複查",
    "Japanese": "黄斑浮腫があります。カメラ",
    "Thai": "จอประสาทตาบวมน้ำ ควรตรวจซ้ำ",
    "Hindi": "दृष्टिपटल में सूजन है, श्री",
    "Bengali": "চোখের রেটিনায় ফোলা",
    "Tamil": "விழித்திரை வீக்கம்",
    "Hebrew": "בצקת מקולרית, שָׁלוֹם",
    "Arabic": "وذمة بقعية ٣٠٠ السَّلامُ",
    "Persian": "می‌خواهم پژوهش",
    "Cyrillic": "Отёк сетчатки Ґїєѣ",
    "Greek": "Οίδημα ωχράς κηλίδας",
    "Vietnamese": "Phù hoàng điểm ở mắt phải của Nguyễn",
    "Georgian": "ბადურა",
    "Armenian": "Ցանցաթաղանթ",
    "Amharic": "ሬቲና",
    "Lao": "ຈໍຕາ",
    "signs": "µm × ≥ ≤ → ± ² ½ € “a” – — … ✓ ☐",
}


def glyphs(text: str, bold: bool = False) -> list[int]:
    return [glyph.number for run in one_line(text, bold).runs for glyph in run.glyphs]


def written(text: str, room: float) -> list[str]:
    return ["".join(run.text for run in line.runs) for line in lines_of(words_of([(text, False)]), room)]


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_letter_has_a_glyph(script: str, bold: bool) -> None:
    assert readable(SCRIPTS[script]) == SCRIPTS[script]
    assert 0 not in glyphs(SCRIPTS[script], bold)


def test_letters_join_as_their_script_wants_it() -> None:
    (alone,) = glyphs("ب")
    assert alone not in glyphs("ببب") and len(set(glyphs("ببب"))) == 3
    assert len(glyphs("क्ष")) < len("क्ष")
    (run,) = one_line("कि", False).runs
    assert [glyph.place for glyph in run.glyphs] == [1, 0], "the vowel stands before its consonant"


@pytest.mark.parametrize("text", ["ที่", "น้ำ", "ທີ່"])
def test_a_tone_stands_above_the_vowel(text: str) -> None:
    (run,) = one_line(text, False).runs
    places = [run.face.font.get_glyph_extents(glyph.number) for glyph in run.glyphs]
    spans = sorted(
        (place.y_bearing + place.height + glyph.up, place.y_bearing + glyph.up)
        for glyph, place in zip(run.glyphs, places, strict=True)
        if not glyph.advance
    )
    assert len(spans) == 2 and spans[0][1] < spans[1][0], "one is on the other"


def test_the_dot_of_a_shin_is_on_its_right() -> None:
    (shin,) = glyphs("\u05e9\u05c1")
    (run,) = one_line("\u05e9\u05b8\u05c1", False).runs
    assert shin in [glyph.number for glyph in run.glyphs]


def test_signs_look_as_in_the_language_of_the_text() -> None:
    def fonts(text: str) -> set[str]:
        return {run.face.name for run in one_line(text, False).runs if not run.text.isspace()}

    assert fonts("骨直") == {"KurintoSansSC-Rg"}
    assert fonts("骨の直") == {"KurintoSansJP-Rg"}
    assert fonts("骨 뼈") == {"KurintoSansKR-Rg"}
    assert fonts("骨ㄍ") == {"KurintoSansTC-Rg"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("ok 😀", "ok [grinning face]"),
        ("😀\u200d😀\ufe0fx", "[grinning face, grinning face]x"),
        ("👍🏽", "👍"),
        ("a\ue000b", "a[U+E000]b"),
        ("\U00020000", "[U+20000]"),
        ("ភ្នែក", "[U+1797, U+17D2, U+1793, U+17C2, and 1 more]"),
        ("e\u0301", "é"),
        ("a\tb\r\nc\x00d", "a b c d"),
        # What steers could make a text seem to say something else.
        ("a\u202eb\u202c\u200bc\u2066d\u2069", "abcd\u2069"),
        ("", ""),
    ],
)
def test_what_has_no_glyph_is_named(text: str, expected: str) -> None:
    assert readable(text) == expected


def test_lines_break_between_words_and_fit() -> None:
    text = "Refer to a retina clinic within two weeks, sooner where vision falls."
    for line in lines_of(words_of([(text, False)]), 12):
        assert 0 < line.width <= 12
    assert " ".join(written(text, 12)) == text


@pytest.mark.parametrize("letter", ["x", "国", "ไ", "س", "न"])
def test_what_has_no_spaces_is_broken_too(letter: str) -> None:
    text = letter * 400
    found = lines_of(words_of([(text, False)]), 20)
    assert len(found) > 3 and all(line.width <= 20 for line in found)
    assert "".join(written(text, 20)) == text


def test_a_break_takes_no_mark_from_its_letter() -> None:
    for text in ("ที่" * 60, "e\u0323\u0302" * 60, "क्षि" * 60):
        pieces = written(text, 7)
        whole = {"ที่", "ệ", "क्षि"}
        assert len(pieces) > 3
        assert all(
            any(len(piece) % len(one) == 0 and set(piece) == set(one) for one in whole) for piece in pieces
        )


def test_a_line_begins_with_no_closing_sign() -> None:
    for piece in written("水肿，建议。" * 40, 9):
        assert piece[0] not in "，。"


def test_what_goes_beyond_one_line_ends_in_an_ellipsis() -> None:
    for text in ("Scan of " + "P-7 " * 60, "망막" * 60, "שלום " * 60):
        line = one_line(text, True, room=20)
        assert line.width <= 20
        assert line.runs[-1].text == "…"
    assert one_line("short", True, room=20).runs[-1].text == "short"
    assert one_line("short", True, room=0.1).width < 2


def test_no_text_is_longer_than_anybody_reads() -> None:
    whole = "".join(run.text for word in words_of([("😀a" * 100_000, False)]) for run in word)
    assert len(whole) == lines.MOST_LETTERS and whole.endswith("…")


def test_a_part_kept_apart_can_not_be_left() -> None:
    assert isolated("a\u2069b\u2068") == isolated("ab")
    assert isolated("") == ""
