"""How public data sets are laid out, read from layouts.toml."""

from __future__ import annotations

import tomllib
from dataclasses import field
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from handlers.checks import STRICT, read_values

LAYOUTS = Path(__file__).with_name("layouts.toml")


@dataclass(frozen=True, config=STRICT)
class Layout:
    """How one data set is laid out; layouts.toml explains the fields."""

    title: str
    expected: str
    classes: tuple[str, ...] = ()
    labels: tuple[dict[str, str], ...] = ()
    patient: str = ""
    table: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    def label(self, native_label: str, subcategory: str = "", condition: str = "") -> str:
        """Our label for the publisher's class, subcategory and condition; the class itself where no rule fits."""
        published = {"native_label": native_label, "subcategory": subcategory, "condition": condition}
        for rule in self.labels:
            if all(rule[key].lower() == published[key].lower() for key in rule if key != "label"):
                return rule["label"]
        return native_label


def layouts() -> dict[str, Layout]:
    """The layouts of the known data sets, by name."""
    return read_values(
        TypeAdapter(dict[str, Layout]), tomllib.loads(LAYOUTS.read_text(encoding="utf-8")), LAYOUTS.name
    )
