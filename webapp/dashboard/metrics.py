"""The dashboard's metrics of scans, model, readers and queue, as far as a user may know them."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

from bson import ObjectId
from django.db.models import Count
from django.db.models.functions import TruncDate

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.core import clock
from webapp.core.modalities import BEFORE
from webapp.dashboard import intervals, kappa
from webapp.dashboard.automation_bias import automation_bias
from webapp.dashboard.counted import by_scans, scans_read
from webapp.dashboard.intervals import share_of
from webapp.recommendations.answers import Answer, State
from webapp.recommendations.doubt import DOUBTFUL
from webapp.reviews.models import Review, Verdict
from webapp.scans.disclosure import disclose_all_answers, disclose_readings
from webapp.scans.models import Scan, ScanQuerySet, Status, known_answers, sees_all_readings

OF_READING = ("scan_id", "reader_id", "verdict", "label", "model_version", "blind")
OF_MODEL = ("model_label", "model_state", "model_set", "model_group")
EVER = datetime.min.replace(tzinfo=UTC)
MOST_PAIRS = 30
"""Of readers; those with most scans in common are shown."""
MOST_LATENCIES = 20_000
"""The newest, which are enough even in a busy month."""


@dataclass(frozen=True)
class Reading:
    """A reader's last independent reading of a scan: given before anything of others' readings was shown."""

    scan: ObjectId
    modality: str
    reader: object
    verdict: str
    label: str
    model: Answer
    model_version: str
    blind: bool


def dashboard_metrics(user: User, days: int, modality: str = "") -> dict[str, Any]:
    """The dashboard of the last `days`, today included, as DashboardSerializer describes it; of one modality where it is given.

    De-identified data have no days, and cover all times: the difference between two spans would tell on which day a
    scan was uploaded.
    """
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    dated = user.may(Ability.SEE_PATIENTS)
    since = today - timedelta(days=days - 1) if dated else EVER
    scans = _scans_of(user, modality)
    recent = scans.filter(timestamp__gte=since)
    readings = _readings(scans, user, since)
    answered = recent.filter(known_answers(user), status=Status.PREDICTED)
    # Counts on few scans tell the answer to each, and what was said of each.
    disclose_all_answers(user)
    disclose_readings(user, {one.scan for one in readings if one.reader != user.pk})
    return {
        "days": days,
        "least_scans": intervals.LEAST_SCANS,
        "scans_per_day": _per_day(recent, since, days) if dated else [],
        "labels": _labels(answered),
        "states": _states(answered).get("", _shares(Counter())),
        "states_per_day": _states_per_day(answered, since, days) if dated else [],
        "states_per_modality": _states_per(answered, "modality"),
        "states_per_clinic": _states_per(answered, "clinic") if dated else [],
        "states_per_device": _states_per(answered, "device") if dated else [],
        "queue": _queue(scans, user),
        "verdicts": _verdicts(readings),
        "cohen": _cohen(readings, user),
        "fleiss": _fleiss(readings),
        "automation_bias": automation_bias(scans, user, since),
        "latency_ms": _latency(recent),
    }


def _scans_of(user: User, modality: str) -> ScanQuerySet:
    """A scan for each upload that the user may see, of one modality where it is given."""
    scans = Scan.objects.visible_to(user).leading()
    return scans.of_modality(modality) if modality else scans


def _per_day(scans: ScanQuerySet, since: datetime, days: int) -> list[dict[str, Any]]:
    found = scans.order_by().annotate(date=TruncDate("timestamp")).values("date").annotate(count=Count("pk"))
    counts = {entry["date"]: entry["count"] for entry in found}
    dates = [(since + timedelta(days=day)).date() for day in range(days)]
    return [{"date": date, "count": counts.get(date, 0)} for date in dates]


def _labels(scans: ScanQuerySet) -> list[dict[str, Any]]:
    named = scans.exclude(state__in=[State.UNDECIDED, State.NOT_ANSWERED])
    counts, doubtful = _by_label(named), _by_label(named.filter(DOUBTFUL))
    return [
        {"modality": key[0], "label": key[1], "count": count, "doubtful": doubtful[key]}
        for key, count in counts.most_common()
    ]


def _by_label(scans: ScanQuerySet) -> Counter[tuple[str, str]]:
    """The counts of scans by modality and label; documents of earlier versions lack the modality."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in scans.order_by().values("modality", "label").annotate(count=Count("pk")):
        counts[row["modality"] or BEFORE, row["label"]] += row["count"]
    return counts


def _states(scans: ScanQuerySet, field: str = "") -> dict[Any, dict[str, Any]]:
    """The counts of scans by state, and each state's share of those whose state is known, by the values of a field.

    Without a field, and for documents of earlier versions that lack it, the value is "".
    """
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for row in scans.order_by().values(*filter(None, [field]), "state").annotate(count=Count("pk")):
        counts[row.get(field) or (BEFORE if field == "modality" else "")][row["state"] or ""] += row["count"]
    return {value: _shares(count) for value, count in counts.items()}


def _shares(counts: Counter[str]) -> dict[str, Any]:
    known = sum(counts[state] for state in State.values)
    shares = {f"{state}_share": share_of(counts[state], known, known) for state in State.values}
    return {**{state: counts[state] for state in State.values}, "unknown": counts[""], **shares}


def _states_per_day(scans: ScanQuerySet, since: datetime, days: int) -> list[dict[str, Any]]:
    found = _states(scans.annotate(date=TruncDate("timestamp")), "date")
    dates = [(since + timedelta(days=day)).date() for day in range(days)]
    return [{"date": date, **found.get(date, _shares(Counter()))} for date in dates]


def _states_per(scans: ScanQuerySet, field: str) -> list[dict[str, Any]]:
    """The states by the values of a field, in alphabetical order."""
    return [{field: value, **shares} for value, shares in sorted(_states(scans, field).items())]


def _queue(scans: ScanQuerySet, user: User) -> dict[str, Any]:
    found = scans.order_by().values("status").annotate(count=Count("pk"))
    counts = {entry["status"]: entry["count"] for entry in found}
    queued = scans.filter(status=Status.QUEUED).order_by("timestamp").values_list("timestamp", flat=True)
    oldest = shown("oldest_queued", queued.first(), user)
    return {**{status: counts.get(status, 0) for status in Status.values}, "oldest_queued": oldest}


def _latency(scans: ScanQuerySet) -> dict[str, Any] | None:
    found = scans.filter(waited_ms__isnull=False).values_list("waited_ms", flat=True)[:MOST_LATENCIES]
    waited = [milliseconds for milliseconds in found if milliseconds is not None]
    if not waited:
        return None
    # The smallest value that at least 95 % of the scans don't exceed.
    slow = sorted(waited)[-(-95 * len(waited) // 100) - 1]
    return {"median": statistics.median(waited), "percentile_95": slow, "scans": len(waited)}


def _readings(scans: ScanQuerySet, user: User, since: datetime) -> list[Reading]:
    """Independent readings since then of those of the scans whose readings the user may know."""
    given = Review.objects.filter(created__gte=since).exclude(after_others=True)
    # To all others those scans alone are open which they have read themselves.
    begun = given if sees_all_readings(user) else Review.objects.filter(reader=user)
    modalities = scans_read(begun, scans.open_to(user).filter(reviewed=True))
    found = by_scans(given.order_by("created"), modalities)
    rows = chain.from_iterable(some.values_list(*OF_READING, *OF_MODEL) for some in found)
    last = {}
    for scan, reader, verdict, label, version, blind, first, state, labels, group in rows:
        # Sorted, so that the same labels are the same answer.
        model = Answer(first, state or "", labels=tuple(sorted(labels or ())), group=group or "")
        last[scan, reader] = Reading(
            scan, modalities[scan] or BEFORE, reader, verdict, label, model, version, blind
        )
    return list(last.values())


def _verdicts(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    scans: dict[tuple[str, str, str], set[object]] = defaultdict(set)
    for one in readings:
        if not one.model.is_given:  # there is nothing to agree with
            continue
        key = one.modality, one.model_version, one.model.text
        counts[key][one.verdict] += 1
        if one.verdict != Verdict.UNSURE:
            scans[key].add(one.scan)
    return [
        {
            "modality": modality,
            "model_version": version,
            "label": label,
            **{v: count[v] for v in Verdict.values},
            "scans": len(scans[modality, version, label]),
            "agreement": share_of(
                count[Verdict.AGREE],
                count[Verdict.AGREE] + count[Verdict.DISAGREE],
                len(scans[modality, version, label]),
            ),
        }
        for (modality, version, label), count in sorted(counts.items())
    ]


def _beyond_chance(found: kappa.Kappa | None, scans: int) -> dict[str, Any]:
    """Kappa with its interval; null for fewer than LEAST_SCANS scans."""
    if found is None or scans < intervals.LEAST_SCANS:
        return {"kappa": None, "interval": None, "defined": found is not None}
    return {"kappa": found.value, "interval": {"low": found.low, "high": found.high}, "defined": True}


def _cohen(readings: Collection[Reading], user: User) -> list[dict[str, Any]]:
    """Cohen's kappa of each two readers, and of each reader and each version of the model, most common scans first.

    Readers are compared with the model by their blind readings: who knows its answer is not independent of it.
    """
    labels: dict[str, dict[object, dict[object, str]]] = defaultdict(lambda: defaultdict(dict))
    for one in readings:
        if one.label:
            of_modality = labels[one.modality]
            of_modality[one.reader][one.scan] = one.label
            if one.model.names_label:
                of_modality[f"model {one.model_version}"][one.scan] = one.model.label
    blind = {(one.reader, one.scan) for one in readings if one.blind}
    people = _people(reader for readers in labels.values() for reader in readers)
    named = {person.pk: shown_name(person, user) for person in User.objects.filter(pk__in=people)}
    pairs = [(modality, *pair) for modality, readers in labels.items() for pair in _pairs_of(readers, blind)]
    pairs.sort(key=lambda pair: -len(pair[3]))
    return [
        {
            "modality": modality,
            "readers": [str(named.get(first, first)), str(named.get(second, second))],
            "scans": len(common),
            **_beyond_chance(kappa.cohen(*_labels_of(labels[modality], first, second, common)), len(common)),
        }
        for modality, first, second, common in pairs[:MOST_PAIRS]
    ]


def _pairs_of(
    labels: Mapping[object, Mapping[object, str]], blind: Collection[tuple[object, object]]
) -> Iterable[tuple[object, object, list[object]]]:
    """Each two readers of whom one is a person, and the scans of one modality that both named a label for."""
    for first, second in combinations(labels, 2):
        common = sorted(labels[first].keys() & labels[second].keys(), key=str)
        people = _people((first, second))
        if len(people) == 1:
            common = [scan for scan in common if (people[0], scan) in blind]
        if common and people:
            yield first, second, common


def _labels_of(
    labels: Mapping[object, Mapping[object, str]], first: object, second: object, scans: Collection[object]
) -> tuple[list[str], list[str]]:
    """What two readers named, scan by scan."""
    return [labels[first][scan] for scan in scans], [labels[second][scan] for scan in scans]


def _people(labels: Iterable[object]) -> list[object]:
    return [reader for reader in labels if not isinstance(reader, str)]


def _fleiss(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    by_scan: dict[tuple[str, object], list[str]] = defaultdict(list)
    for one in readings:
        if one.label:
            by_scan[one.modality, one.scan].append(one.label)
    by_readers: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    for (modality, _), labels in by_scan.items():
        if len(labels) > 1:
            by_readers[modality, len(labels)].append(labels)
    return [
        {
            "modality": modality,
            "readers_per_scan": readers,
            "scans": len(labels),
            **_beyond_chance(kappa.fleiss(labels), len(labels)),
        }
        for (modality, readers), labels in sorted(by_readers.items())
    ]
