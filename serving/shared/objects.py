"""What a shared store can do, whichever it is: named pieces of bytes, one of which can be exchanged for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from serving.shared.errors import Changed, StoreAway


@dataclass(frozen=True)
class Stored:
    """An object's content, and a tag that is another one for every other content."""

    content: bytes
    tag: str


class Objects(Protocol):
    """A store. Names have parts with slashes between them. All methods raise StoreAway, writing ones StoreFull, too."""

    @property
    def place(self) -> str:
        """The store's URL, as people name it."""

    def names(self, prefix: str) -> list[str]:
        """The names that begin so, in order."""

    def ages(self, prefix: str) -> dict[str, float]:
        """The names that begin so, with the seconds since each was written, by the store's own clock if it has one."""

    def read(self, name: str) -> Stored | None:
        """An object; None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write an object, in place of any that is there."""

    def exchange(self, name: str, content: bytes, expected: str | None) -> None:
        """Write an object in place of the one with the tag `expected`; None: where there is none.

        Raises Changed if another one is there, or none: then nothing was written.
        """

    def fetch(self, name: str, target: Path) -> None:
        """Write an object's content to a file. Raises StoreError if there is none, and OSError for the file."""

    def send(self, source: Path, name: str) -> None:
        """Write a file's content to an object, which is there once it is whole."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is gone already is no error."""


Changing = Callable[[str | None], str]
"""Makes a document's new text from its present one."""


class Document(Protocol):
    """A text that several processes read and change."""

    @property
    def place(self) -> str:
        """Where it is, as people name it."""

    def read(self) -> str | None:
        """The text; None if there is none. Raises OSError, UnicodeDecodeError and StoreAway."""

    def change(self, make: Changing) -> None:
        """Change the text; nobody else's change is lost. Raises as `read`, and what `make` raises."""


MOST_TRIES = 8
"""Of an exchange that others were faster at. Decisions are made by people, so the second try nearly always succeeds."""


class ObjectDocument:
    """A document in a store.

    With `copy` the last text that was read is kept in that file. If it `stands_in`, it is read while the store is away: a
    model server that starts then serves what it served.
    """

    def __init__(
        self, objects: Objects, name: str, copy: Path | None = None, *, stands_in: bool = False
    ) -> None:
        self._objects = objects
        self._name = name
        self._copy = copy
        self._stands_in = stands_in

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self._objects.place}/{self._name}"

    def read(self) -> str | None:
        """The text."""
        try:
            stored = self._objects.read(self._name)
        except StoreAway:
            if self._copy is None or not self._stands_in or not self._copy.exists():
                raise
            return self._copy.read_text(encoding="utf-8")
        text = None if stored is None else stored.content.decode("utf-8")
        if self._copy is not None and text is not None:
            keep(self._copy, text)
        return text

    def change(self, make: Changing) -> None:
        """Exchange the text for another, again if somebody was faster."""
        for attempt in range(1, MOST_TRIES + 1):
            stored = self._objects.read(self._name)
            text = make(None if stored is None else stored.content.decode("utf-8"))
            try:
                self._objects.exchange(self._name, text.encode(), None if stored is None else stored.tag)
            except Changed:
                if attempt == MOST_TRIES:
                    raise
            else:
                return


def keep(path: Path, text: str) -> None:
    """Write a file at once if it has another text."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
