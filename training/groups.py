"""Groups of labels that make one answer where they can't be told apart, read from a file."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from handlers.card import checked_label
from training.data.manifest import DataError

DEFAULT_GROUPS = Path(__file__).with_name("groups.toml")


def read_groups(file: Path, labels: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The groups in a TOML file (`"name" = ["LABEL", "LABEL"]`), without labels that the model doesn't know.

    Groups with fewer than two known labels are left out. Raises DataError when the file can't be read, is not valid, or
    names a label in two groups.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: the groups can't be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{file}: the groups are not valid TOML ({error})") from error
    groups: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for name, given in content.items():
        if not isinstance(given, list) or not all(isinstance(label, str) for label in given):
            raise DataError(
                f'{file}: the group {name!r} must be a list of labels, as in "name" = ["DR", "DME"]'
            )
        members = tuple(checked_label(label) for label in given)
        for label in members:
            if label in seen:
                raise DataError(
                    f"{file}: {label} is in {seen[label]!r} and again in {name!r}; it may be in one"
                )
            seen[label] = name
        known = tuple(label for label in members if label in labels)
        if len(known) > 1:
            groups[name] = known
    return groups


def group_of(groups: Mapping[str, Sequence[str]], label: str) -> str:
    """The name of a label's group; the label itself when it is in no group."""
    return next((name for name, labels in groups.items() if label in labels), label)
