"""Opaque words: they come back as they were, tell nothing, and nobody else can make or change one."""

from __future__ import annotations

import base64

import pytest

from webapp.core import opaque

TEXT = '[1.0, "2026-01-01T10:00:00+00:00"]'


def test_a_word_opens_to_its_text_and_is_the_same_each_time() -> None:
    word = opaque.close("cursor", TEXT)
    assert opaque.open_word("cursor", word) == TEXT
    assert opaque.close("cursor", TEXT) == word


def test_a_word_shows_neither_its_text_nor_how_long_it_is() -> None:
    word = opaque.close("cursor", TEXT)
    assert b"2026" not in base64.urlsafe_b64decode(word)
    assert len(word) == len(opaque.close("cursor", "[0.0]"))
    # Of two texts that begin alike the words do not: no stream of key bytes hides two of them.
    assert opaque.close("cursor", TEXT + "x")[30:50] != word[30:50]


def test_what_is_disguised_can_be_revealed_here_and_looks_like_nothing() -> None:
    ids = [bytes.fromhex(f"6b0aa0987c6566c4ae22{number:04x}") for number in range(500)]
    disguised = [opaque.disguise("id", key) for key in ids]
    assert [opaque.reveal("id", key) for key in disguised] == ids
    assert {len(key) for key in disguised} == {12} and len(set(disguised)) == len(ids)
    # Of ids of the same second every byte still takes nearly every value.
    assert all(len({key[place] for key in disguised}) > 180 for place in range(12))
    assert opaque.disguise("another", ids[0]) != disguised[0]


@pytest.mark.parametrize("place", [0, 20, -5])
def test_a_changed_word_is_refused(place: int) -> None:
    word = list(opaque.close("cursor", TEXT))
    word[place] = "A" if word[place] != "A" else "B"
    with pytest.raises(ValueError, match="not a word of ours"):
        opaque.open_word("cursor", "".join(word))


@pytest.mark.parametrize(
    "word", ["", "A", "é", "no base64!", base64.urlsafe_b64encode(TEXT.encode()).decode()]
)
def test_what_is_no_word_of_ours_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not a word of ours"):
        opaque.open_word("cursor", word)


def test_a_word_of_another_use_or_another_installation_is_refused(settings: object) -> None:
    word = opaque.close("cursor", TEXT)
    with pytest.raises(ValueError, match="not a word of ours"):
        opaque.open_word("another", word)
    settings.SECRET_KEY = "another" * 10  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="not a word of ours"):
        opaque.open_word("cursor", word)
