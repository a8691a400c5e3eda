"""What the page of a model version shows: facts of its card, and what apps above this one know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handlers.card import ModelCard


@dataclass(frozen=True)
class Link:
    """A link with its text."""

    text: str
    address: str


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, rows of a name and a value, a sentence, and links."""

    title: str
    rows: Sequence[tuple[str, str]]
    note: str = ""
    links: Sequence[Link] = ()


Sections = Callable[[str, str], list[Section]]
"""Takes name and version of a model."""
_added: list[Sections] = []


Words = Callable[[str, str], str]
"""Takes name and version of a model; returns a few words."""
_columns: dict[str, Words] = {}


def add_column(title: str, words: Words) -> None:
    """Have an app above this one add a column to the lists of versions."""
    _columns[title] = words


def added_columns(name: str, version: str) -> dict[str, str]:
    """What apps above this one know of a version in a few words, by the titles of their columns."""
    return {title: words(name, version) for title, words in _columns.items()}


def add_sections(sections: Sections) -> None:
    """Have an app above this one add sections to every version's page."""
    if sections not in _added:
        _added.append(sections)


def added_sections(name: str, version: str) -> list[Section]:
    """What apps above this one know of a version."""
    return [section for sections in _added for section in sections(name, version)]


def card_section(card: ModelCard) -> Section:
    """The main facts of a card."""
    sources = [
        str(source.get("name", "")) for source in card.data.get("sources", []) if isinstance(source, dict)
    ]
    rows = [
        ("labels", ", ".join(card.labels)),
        ("architecture", card.architecture),
        ("input", f"{card.input.size} pixels a side"),
        ("temperature", f"{card.temperature:g}"),
        ("weights (sha256)", card.weights_sha256),
        ("learnt from", "; ".join(dict.fromkeys(sources)) or "not said"),
        ("data (sha256)", str(card.data.get("sha256", "not said"))),
    ]
    learning = card.made_with.get("learning")
    if isinstance(learning, dict):
        rows.append(("data set", f"{learning.get('data_set_number')}, sha256 {learning.get('data_set')}"))
    rows += [("limit", limit) for limit in card.limits]
    return Section("Card", rows)
