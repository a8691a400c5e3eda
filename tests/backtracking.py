"""Counts the steps of a regular expression on a text, with a matcher that tries what Python's own tries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from re import _constants as op  # type: ignore[attr-defined] # the parser that Python itself uses
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

CATEGORIES: dict[Any, Callable[[str], bool]] = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_WORD: lambda letter: letter.isalnum() or letter == "_",
    op.CATEGORY_NOT_WORD: lambda letter: not (letter.isalnum() or letter == "_"),
}


class TooMuch(Exception):
    """More steps than were allowed."""


class Counter:
    """A pattern, and the steps that looking for it has taken. Knows what the project's own patterns are made of."""

    def __init__(self, pattern: re.Pattern[Any], most: int = 1_000_000) -> None:
        source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
        self._items: Sequence[Any] = list(parser.parse(source))
        self._most = most
        self.steps = 0

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text fits."""
        return any(end == len(text) for end in self._ends(self._items, text, 0))

    def beginning(self, text: str) -> bool:
        """Whether the text begins with a match."""
        return next(self._ends(self._items, text, 0), None) is not None

    def everywhere(self, text: str) -> None:
        """Look for all places, as `findall`, `split` and `sub` do."""
        at = 0
        while at <= len(text):
            end = next(self._ends(self._items, text, at), None)
            at = at + 1 if end is None else max(end, at + 1)

    def _ends(self, items: Sequence[Any], text: str, at: int) -> Iterator[int]:
        """Where matches of these items that begin at a place end, in the order in which they are tried."""
        self.steps += 1
        if self.steps > self._most:
            raise TooMuch
        if not items:
            yield at
            return
        (kind, argument), rest = items[0], items[1:]
        if kind is op.MAX_REPEAT:
            yield from self._repeated(argument, rest, text, at, 0)
        elif kind is op.SUBPATTERN:
            yield from self._ends([*argument[-1], *rest], text, at)
        elif kind is op.BRANCH:
            for way in argument[1]:
                yield from self._ends([*way, *rest], text, at)
        elif kind is op.AT:
            if at == {op.AT_BEGINNING: 0, op.AT_END: len(text)}[argument]:
                yield from self._ends(rest, text, at)
        elif kind is op.ASSERT_NOT:
            direction, looked_for = argument
            assert direction == -1 and len(looked_for) == 1, (
                "a look back at one letter is all that is known here"
            )
            if not (at and _fits(looked_for[0], text[at - 1])):
                yield from self._ends(rest, text, at)
        elif at < len(text) and _fits(items[0], text[at]):
            yield from self._ends(rest, text, at + 1)

    def _repeated(self, repeat: Any, rest: Sequence[Any], text: str, at: int, done: int) -> Iterator[int]:
        least, most, item = repeat
        if done < most:
            for end in self._ends(item, text, at):
                if end > at:
                    yield from self._repeated(repeat, rest, text, end, done + 1)
        if done >= least:
            yield from self._ends(rest, text, at)


def letters_of(pattern: re.Pattern[Any]) -> list[str]:
    """A letter or two for each place of the pattern, and one that it has nowhere."""
    found: dict[str, None] = {}

    def look(items: Any) -> None:
        for item in items:
            kind, argument = item
            if kind in (op.MAX_REPEAT, op.SUBPATTERN, op.ASSERT_NOT):
                look(argument[-1])
            elif kind is op.BRANCH:
                for way in argument[1]:
                    look(way)
            elif kind is not op.AT:
                fitting = [letter for letter in map(chr, range(32, 127)) if _fits(item, letter)]
                found.update(dict.fromkeys(fitting[:1] + fitting[-1:]))

    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    look(parser.parse(source))
    return [*found, "\x00"]


def _fits(item: Any, letter: str) -> bool:
    kind, argument = item
    if kind is op.ANY:
        return True
    if kind in (op.LITERAL, op.NOT_LITERAL):
        return (argument == ord(letter)) is (kind is op.LITERAL)
    assert kind is op.IN, f"{kind} is not known here"
    negated = argument[0][0] is op.NEGATE
    return negated is not any(_is_of(member, letter) for member in argument[negated:])


def _is_of(member: Any, letter: str) -> bool:
    kind, argument = member
    if kind is op.LITERAL:
        return bool(argument == ord(letter))
    if kind is op.RANGE:
        return bool(argument[0] <= ord(letter) <= argument[1])
    return CATEGORIES[argument](letter)
