"""The tables that `./retinote models` prints: of all versions, of one version's card, of two cards' differences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.card import ModelCard
from serving.management import ModelVersion
from serving.registry import Registry, default_versions
from serving.set_aside import SetAside
from serving.stores import ModelStores

LONGEST_VALUE = 60
"""Letters of a value in a table of differences."""
LONGEST_SHOWN = 4000
"""Letters of a value that `show` prints; only what no person reads, such as a filter of hashes, is longer."""
NOTHING = "-"

Row = tuple[str, ...]
Served = Mapping[tuple[str, str], ModelVersion]


def overview(
    stores: ModelStores, registry: Registry, set_aside: SetAside, served: Served
) -> tuple[list[Row], list[str]]:
    """Headings and a row for each version that is in a store or served, and a sentence for each broken version.

    If nothing is served, the default is that of the next start.
    """
    rows: list[Row] = [("model", "version", "served", "workers", "default")]
    problems = []
    at_start = {} if served else default_versions(stores, registry)
    for name in sorted({*stores.names(), *(model for model, _ in served)}):
        in_store = stores.versions(name)
        elsewhere = [other for model, other in served if model == name and other not in in_store]
        for version in (*in_store, *elsewhere):
            record = served.get((name, version))
            problem = None if version in elsewhere else _problem(stores, set_aside, name, version)
            if problem:
                problems.append(f"{name} {version} can't be served: {problem}")
            is_default = record.is_default if record else at_start.get(name) == version
            rows.append(
                (
                    name,
                    version,
                    record.status if record else "broken" if problem else "no",
                    str(record.ready_workers) if record else NOTHING,
                    "yes" if is_default else "",
                )
            )
    return rows, problems


def state_of(
    stores: ModelStores, registry: Registry, set_aside: SetAside, served: Served, name: str, version: str
) -> list[Row]:
    """Rows about a version: its folder, whether it is served, and what is wrong with it."""
    choice, record = registry.choice(name), served.get((name, version))
    holder = stores.holder(name, version)
    shadowed = [
        str(folder / name / version)
        for folder in stores.folders
        if (folder / name / version).is_dir() and folder / name / version != holder
    ]
    promoted = "is the default" if choice.default == version else "was the default"
    return [
        ("folder", str(holder or NOTHING)),
        *(("never served", f"{folder}: the folder above comes first") for folder in shadowed),
        ("served", record.status if record else "no"),
        ("promoted", promoted if version in (*choice.promoted, choice.retired) else "never"),
        ("registered", "yes" if version in (*choice.registered, choice.default) else "no"),
        ("problem", _problem(stores, set_aside, name, version) or "none"),
    ]


def facts(card: ModelCard) -> list[Row]:
    """A row for each field of a card with its value; inner fields have dotted names."""
    return [(name, _shown(_text(value))) for name, value in _flat(card.to_dict()).items()]


def differences(first: ModelCard, second: ModelCard) -> list[Row]:
    """Headings and a row for each field in which two cards differ, with both values."""
    ours, theirs = _flat(first.to_dict()), _flat(second.to_dict())
    rows: list[Row] = [("field", first.version, second.version)]
    for name in dict.fromkeys([*ours, *theirs]):
        if name != "version" and ours.get(name) != theirs.get(name):
            rows.append(
                (name, *(_short(values[name]) if name in values else NOTHING for values in (ours, theirs)))
            )
    return rows


def label_changes(first: ModelCard, second: ModelCard) -> list[str]:
    """Sentences about how the labels of two versions differ; none if they are the same."""
    gone = [label for label in first.labels if label not in second.labels]
    new = [label for label in second.labels if label not in first.labels]
    sentences = [f"{second.version} does not know {', '.join(gone)}."] if gone else []
    sentences += [f"{first.version} does not know {', '.join(new)}."] if new else []
    if not sentences and first.labels != second.labels:
        sentences = ["The labels are the same, in another order."]
    return sentences


def _problem(stores: ModelStores, set_aside: SetAside, name: str, version: str) -> str | None:
    return stores.problem_at_a_glance(name, version) or set_aside.reason(name, version)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return flat


def _shown(text: str) -> str:
    cut = f"{text[:LONGEST_VALUE]} … ({len(text):,} letters)"
    return text if len(text) <= LONGEST_SHOWN else cut


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    text = " ".join(_text(value).split())
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 2]} …"
