"""Unicode's bidirectional algorithm (UAX #9) for left-to-right text: which way each character of a line runs.

Of the directional formatting characters only first strong isolates (FSI to PDI) count; all others are removed before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from unicodedata import bidirectional

FSI, PDI = "\u2068", "\u2069"
FROM_RIGHT = {"R", "AL", "AN"}
NEUTRAL = {"B", "S", "WS", "ON", "FSI", "PDI"}
BRACKETS = dict(
    zip(
        "([{༺༼᚛⁅⁽₍〈❨❪❬❮❰❲❴⟦⟨⟪⟬⟮⦃⦅《「『【〔〖〘〚（［｛｟｢",
        ")]}༻༽᚜⁆⁾₎〉❩❫❭❯❱❳❵⟧⟩⟫⟭⟯⦄⦆》」』】〕〗〙〛）］｝｠｣",
    )
)
CLOSING = {closing: opening for opening, closing in BRACKETS.items()}
MOST_OPEN = 63
"""Brackets that may be open at once, by the algorithm's rule BD16."""
T = TypeVar("T")


def levels(text: str) -> list[int]:
    """The embedding level of each character; odd ones run from right to left."""
    found = [0] * len(text)
    if not any(bidirectional(letter) in FROM_RIGHT for letter in set(text)):
        return found
    _resolve(text, list(range(len(text))), 0, found)
    return found


def in_visual_order(items: Sequence[T], level_of: Callable[[T], int]) -> list[T]:
    """Items of one line, in the order in which they are read, from left to right (rule L2)."""
    seen = list(items)
    given = [level_of(item) for item in items]
    for level in range(max(given, default=0), 0, -1):
        start = 0
        while start < len(seen):
            end = start
            while end < len(seen) and given[end] >= level:
                end += 1
            seen[start:end] = seen[start:end][::-1]
            given[start:end] = given[start:end][::-1]
            start = max(end, start + 1)
    return seen


def _resolve(text: str, places: list[int], level: int, found: list[int]) -> None:
    """Set the levels of the characters at these places, which are one isolate or the line, and of isolates within."""
    own = _outside_isolates(text, places, level, found)
    counted = [place for place in own if bidirectional(text[place]) != "BN"]
    kinds = [bidirectional(text[place]) or "L" for place in counted]
    side = "R" if level % 2 else "L"
    marks = [kind == "NSM" for kind in kinds]
    _weak(kinds, side)
    _brackets([text[place] for place in counted], kinds, marks, side)
    _neutral(kinds, side)
    for place, kind in zip(counted, kinds, strict=True):
        found[place] = level + _implicit_rise(kind, level)
    before = level
    for place in own:
        if bidirectional(text[place]) == "BN":
            found[place] = before
        before = found[place]


def _outside_isolates(text: str, places: list[int], level: int, found: list[int]) -> list[int]:
    """The places outside of isolates. Those inside get their levels here."""
    own: list[int] = []
    depth, part = 0, list[int]()
    for place in places:
        if depth and text[place] == PDI:
            depth -= 1
            if not depth:
                _resolve(text, part, _level_of_isolate(text, part, level), found)
                part = []
        if depth:
            part.append(place)
        else:
            own.append(place)
        if text[place] == FSI:
            depth += 1
    if part:
        _resolve(text, part, _level_of_isolate(text, part, level), found)
    return own


def _level_of_isolate(text: str, part: list[int], level: int) -> int:
    """The level of an isolate, by its first character with a strong direction (rules P2 and P3)."""
    depth = 0
    for place in part:
        depth += (text[place] == FSI) - (text[place] == PDI)
        kind = bidirectional(text[place])
        if not depth and kind in ("L", "R", "AL"):
            return (level + 1) | 1 if kind != "L" else (level + 2) & ~1
    return (level + 2) & ~1


def _weak(kinds: list[str], side: str) -> None:
    """Rules W1 to W7: nonspacing marks, digits, and separators between them."""
    strong = before = side
    for at, kind in enumerate(kinds):
        if kind == "NSM":
            kinds[at] = kind = "ON" if before in ("FSI", "PDI") else before
        if kind in ("L", "R", "AL"):
            strong = kind
        if kind == "EN" and strong == "AL":
            kinds[at] = "AN"
        before = kind
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for at in range(1, len(kinds) - 1):
        left, right = kinds[at - 1], kinds[at + 1]
        if left == right and (
            kinds[at] == "CS" and left in ("EN", "AN") or kinds[at] == "ES" and left == "EN"
        ):
            kinds[at] = left
    for start, end in _runs(kinds, {"ET"}):
        if "EN" in (kinds[start - 1 : start] + kinds[end : end + 1]):
            kinds[start:end] = ["EN"] * (end - start)
    kinds[:] = ["ON" if kind in ("ES", "ET", "CS") else kind for kind in kinds]
    strong = side
    for at, kind in enumerate(kinds):
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"


def _brackets(letters: list[str], kinds: list[str], marks: list[bool], side: str) -> None:
    """Rule N0: both brackets of a pair, and the marks on them, run the same way."""
    for first, last in _pairs(letters, kinds):
        within = {_direction(kind) for kind in kinds[first + 1 : last]} - {None}
        if side in within:
            chosen = side
        elif within:
            before = [_direction(kind) for kind in kinds[:first] if _direction(kind)]
            opposite = "L" if side == "R" else "R"
            chosen = opposite if (before or [side])[-1] == opposite else side
        else:
            continue
        for at in (first, last):
            kinds[at] = chosen
            while at + 1 < len(kinds) and marks[at + 1]:
                at += 1
                kinds[at] = chosen


def _pairs(letters: list[str], kinds: list[str]) -> list[tuple[int, int]]:
    """Brackets that belong together, in the order in which they open."""
    opened: list[tuple[str, int]] = []
    pairs = []
    for at, letter in enumerate(letters):
        if kinds[at] != "ON":
            continue
        if letter in BRACKETS:
            if len(opened) == MOST_OPEN:
                break
            opened.append((letter, at))
        elif letter in CLOSING:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == CLOSING[letter]:
                    pairs.append((opened[depth][1], at))
                    del opened[depth:]
                    break
    return sorted(pairs)


def _neutral(kinds: list[str], side: str) -> None:
    """Rules N1 and N2: a neutral character takes the direction that both neighbours share, else the text's."""
    for start, end in _runs(kinds, NEUTRAL):
        left = _direction(kinds[start - 1]) if start else side
        right = _direction(kinds[end]) if end < len(kinds) else side
        kinds[start:end] = [left if left == right and left else side] * (end - start)


def _direction(kind: str) -> str | None:
    """The direction of a bidirectional class, L or R, with numbers as R; None for a neutral one."""
    return {"L": "L", "R": "R", "EN": "R", "AN": "R"}.get(kind)


def _implicit_rise(kind: str, level: int) -> int:
    """Rules I1 and I2: how far a class lies above the embedding level."""
    if level % 2:
        return 0 if kind == "R" else 1
    return {"L": 0, "R": 1}.get(kind, 2)


def _runs(kinds: list[str], of: set[str]) -> list[tuple[int, int]]:
    """Start and end of each run of these kinds."""
    runs, at = [], 0
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] in of:
            end += 1
        if end > at:
            runs.append((at, end))
        at = max(end, at + 1)
    return runs
