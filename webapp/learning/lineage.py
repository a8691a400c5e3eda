"""From an answer to its weights, to the data that these learnt from, to the verdicts behind them and who gave them.

Each link is compared with what the audit recorded, or with the hash by which the link before names it. Where there is
nothing to compare with, the link says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import ObjectId
from django.db import models

from handlers.card import CARD_NAME, CardError, ModelCard
from serving.archive import WEIGHTS
from serving.shared.errors import StoreAway, StoreError
from serving.shared.store import SharedStores
from webapp.accounts.models import User
from webapp.audit.hashing import HASHING, document_sha256
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.verification import Verification
from webapp.learning import exporting, writing
from webapp.learning.models import DataSet
from webapp.learning.settled import AT_ONCE, counted
from webapp.reviews.models import Adjudication, Review
from webapp.scans.models import Prediction, Scan

EARLIER = "earlier"
"""In place of a hash that an earlier version of the program made otherwise, with which nothing can be compared."""
MOST_STEPS = 100
"""Versions that were each made from the one before."""
LEARNING = "learning"
"""What a card's `made_with` says of the data set and of the version that a training began from."""


class NoLineage(Exception):
    """There is nothing to follow; the message says why."""


@dataclass(frozen=True)
class Link:
    """A step of the way. `broken` says what is wrong with it, "" where it holds; `is_end` where nothing lies behind it."""

    what: str
    broken: str = ""
    is_end: bool = False

    def __str__(self) -> str:
        if self.broken:
            return f"BROKEN {self.what}: {self.broken}"
        return f"{'END' if self.is_end else 'OK'} {self.what}"


def lineage(
    scan_id: str, stores: Sequence[Path], each_verdict: bool = False, shared: Sequence[SharedStores] = ()
) -> Iterator[Link]:
    """The links from the scan's answer on, in their order. Raises NoLineage for a scan without an answer.

    `stores` are the folders with models, `shared` the stores that model servers share, from which models are brought;
    `each_verdict` names every verdict in place of their sums.
    """
    scan = Scan.objects.filter(pk=scan_id).first() if ObjectId.is_valid(scan_id) else None
    if scan is None:
        raise NoLineage(f"There is no scan {scan_id}.")
    shown = scan.predictions.filter(
        weights_sha256=scan.weights_sha256, predicted_at=scan.predicted_at
    ).first()
    answer = shown or scan.predictions.first()
    if answer is None:
        raise NoLineage(f"Scan {scan_id} has no answer yet, so nothing lies behind one.")
    yield _chain()
    yield _document(f"answer of {answer.predicted_at:%Y-%m-%d %H:%M}: {answer}", "prediction", answer)
    yield from _behind(answer, stores, shared, each_verdict)


def _chain() -> Link:
    """The chain of audit records, with which everything else is compared."""
    walk = Verification()
    found = next(walk.findings(), None)
    what = f"chain of {counted(walk.count, 'audit record')}"
    return Link(what, str(found)) if found else Link(f"{what}, head {walk.last}:{walk.last_hash}")


def _behind(
    answer: Prediction, stores: Sequence[Path], shared: Sequence[SharedStores], each_verdict: bool
) -> Iterator[Link]:
    """The version that answered, and those that it was made from, each with its data set."""
    cards = dict(_cards(stores))
    weights = answer.weights_sha256
    told: set[str] = set()
    for _ in range(MOST_STEPS):
        try:
            folder = cards.get(weights) or _brought(weights, shared)
        except StoreAway as error:
            yield Link(f"weights {weights}: the models can't be looked at now. {error}", is_end=True)
            return
        except StoreError as error:
            yield Link(f"weights {weights}", str(error))
            return
        if folder is None:
            yield _without_model(weights, [*map(str, stores), *(each.place for each in shared)])
            return
        card = ModelCard.load(folder / CARD_NAME)
        yield _weights(card, folder)
        yield from _deeds(card)
        learning = card.made_with.get(LEARNING)
        if not isinstance(learning, Mapping) or not learning.get("data_set"):
            yield Link(_end(card), is_end=True)
            return
        if learning["data_set"] not in told:
            told.add(learning["data_set"])
            yield from _data_set(str(learning["data_set"]), each_verdict)
        begun = learning.get("from")
        if not isinstance(begun, Mapping) or not begun.get("weights_sha256"):
            yield Link(f"{card.name} {card.version} began from no earlier version", is_end=True)
            return
        yield Link(f"{card.name} {card.version} began from version {begun.get('version', '?')}")
        weights = str(begun["weights_sha256"])
    yield Link(f"after {MOST_STEPS} versions nobody looked any further", is_end=True)


def _end(card: ModelCard) -> str:
    sources = [
        str(source.get("name", "?")) for source in card.data.get("sources", []) if isinstance(source, Mapping)
    ]
    of = f"; by its card it learnt from {', '.join(sources)}" if sources else ""
    return f"{card.name} {card.version} learnt from no data set of an installation{of}: no verdict lies behind it"


def _cards(stores: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The folder of each version in these stores, by its weights' hash. One with a broken card is passed over."""
    for store in stores:
        for path in sorted(store.glob(f"*/*/{CARD_NAME}")):
            try:
                yield ModelCard.load(path).weights_sha256, path.parent
            except CardError:
                continue


def _brought(weights: str, shared: Iterable[SharedStores]) -> Path | None:
    """The folder of a version with these weights, brought from the first shared store that has one. Raises StoreError."""
    for stores in shared:
        for name in stores.names():
            for version in stores.versions(name):
                if stores.weights_sha256(name, version) == weights:
                    return stores.holder(name, version)
    return None


def _without_model(weights: str, places: Sequence[str]) -> Link:
    what = f"weights {weights}"
    if not places:
        return Link(
            f"{what}: the models can't be looked at from here; name their store with --store", is_end=True
        )
    return Link(
        what,
        f"no model in {' or '.join(places)} has them. ./retinote restore brings a retired version back, or --store names "
        "its store",
    )


def _weights(card: ModelCard, folder: Path) -> Link:
    what = f"weights of {card.name} {card.version} {card.weights_sha256}"
    try:
        found = writing.sha256_of(folder / WEIGHTS)
    except OSError as error:
        return Link(what, f"{folder / WEIGHTS} can't be read ({error.strerror})")
    return Link(what, "" if found == card.weights_sha256 else f"{folder / WEIGHTS} holds others, {found}")


def _deeds(card: ModelCard) -> Iterator[Link]:
    """What was done with the version, by whom: each sealed record names the weights."""
    records = Record.objects.filter(kind="model", weights_sha256=card.weights_sha256).order_by("number")
    words = dict(Action.choices)
    for record in records.values("number", "time", "actor", "actor_name", "action"):
        yield Link(
            f"record {record['number']}, {record['time']:%Y-%m-%d %H:%M}: {words.get(record['action'], record['action'])} "
            f"{card.version}, by {record['actor_name'] or record['actor']}"
        )


def _data_set(sha256: str, each_verdict: bool) -> Iterator[Link]:
    """The data set of this hash: its record, its files, and the verdicts behind it."""
    made = DataSet.objects.filter(sha256=sha256).order_by("number").first()
    if made is None:
        yield Link(
            f"data set {sha256}",
            "this installation has none of that hash: ask the one that made it",
            is_end=True,
        )
        return
    yield _document(f"{made} {sha256}, {counted(made.counts['scans'], 'scan')}", "data_set", made)
    yield _files(made)
    scans = sorted(
        {
            key
            for keys in _records("data_set", [made.pk]).values_list("scan_ids", flat=True)
            for key in keys or ()
        }
    )
    yield from _verdicts(made, scans, each_verdict)


def _files(made: DataSet) -> Link:
    folder = exporting.folder_of(made)
    what = f"files of {made} in {folder}"
    if fault := writing.fault_in(folder, made.sha256):
        return Link(what, fault)
    return Link(f"{what}: {counted(made.counts['scans'], 'picture')} as they were frozen")


def _verdicts(made: DataSet, scans: Sequence[str], each_verdict: bool) -> Iterator[Link]:
    """Who said what of the data set's scans before it was made."""
    names = dict(User.objects.values_list("pk", "username"))
    sums: Counter[str] = Counter()
    gone = len(scans)
    for start in range(0, len(scans), AT_ONCE):
        keys = [ObjectId(key) for key in scans[start : start + AT_ONCE]]
        gone -= Scan.objects.filter(pk__in=keys).count()
        for kind, model, person in (
            ("review", Review, "reader_id"),
            ("adjudication", Adjudication, "adjudicator_id"),
        ):
            found = list(
                model._default_manager.filter(scan__in=keys, created__lte=made.made_at).order_by("created")
            )
            faults = _faults(kind, found)
            for document in found:
                name = names.get(getattr(document, person), "somebody whose account is gone")
                what = f"{kind} of scan {document.scan_id} by {name}: {document.label or 'unsure'}"  # type: ignore[attr-defined]
                if fault := faults.get(document.pk):
                    yield Link(what, fault)
                elif each_verdict:
                    yield Link(f"{what}, {document.created:%Y-%m-%d %H:%M}")  # type: ignore[attr-defined]
                else:
                    sums[f"{'verdicts' if kind == 'review' else 'adjudications'} by {name}"] += 1
    for what, count in sorted(sums.items()):
        yield Link(f"{count:,} {what}, each as recorded")
    if gone:
        yield Link(
            f"{counted(gone, 'scan')} of {made} deleted since, with what was said of them", is_end=True
        )


def _document(what: str, kind: str, document: models.Model) -> Link:
    return Link(what, _faults(kind, [document]).get(document.pk, ""))


def _faults(kind: str, documents: Sequence[models.Model]) -> dict[Any, str]:
    """What is wrong with documents, by their keys: none is as its last record has it."""
    recorded: dict[str, set[str]] = defaultdict(set)
    keys = [str(document.pk) for document in documents]
    for model in (Record, WaitingRecord):
        told = model._default_manager.filter(kind=kind, object_id__in=keys)
        for key, after, hashing in told.values_list("object_id", "after", "hashing"):
            recorded[key].add(after if hashing == HASHING else EARLIER)
    found = {}
    for document in documents:
        known = recorded.get(str(document.pk))
        if not known:
            found[document.pk] = "no record tells where it came from"
        elif EARLIER not in known and document_sha256(document) not in known:
            found[document.pk] = "it is not what was recorded"
    return found


def _records(kind: str, keys: Sequence[Any]) -> models.QuerySet[Record]:
    return Record.objects.filter(kind=kind, object_id__in=[str(key) for key in keys])
