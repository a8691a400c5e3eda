"""Finds the streams that have new scans, and reads the values of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.db import IntegrityError
from django.db.models import Count, Max, Q

from webapp.accounts.pseudonyms import circle_of
from webapp.core import clock, modalities
from webapp.drift.models import DriftStream
from webapp.drift.samples import FIELDS, Value, values_of
from webapp.mongodb import lookups  # noqa: F401 # is_missing
from webapp.scans.models import Scan, ScanQuerySet, Status

LOOK_BACK = timedelta(days=30)
"""A stream without a scan for that long is not watched, and a new one begins with the scans of that time."""
KEY = ("clinic", "device", "weights_sha256", "calibration")
MOST_READ = 5000
"""Scans of a stream in one run; the rest are read in the next one."""


@dataclass(frozen=True)
class NewScan:
    """A scan for comparison; `patient` is a key within the stream, "" where it is not known."""

    key: ObjectId
    time: datetime
    patient: str
    values: dict[str, Value]


def find_streams() -> list[DriftStream]:
    """The streams of all modalities' models with scans in the last LOOK_BACK, new ones made."""
    now = clock.now()
    found = _answered().filter(timestamp__gte=now - LOOK_BACK, timestamp__lte=now)
    which = (*KEY, "model_name", "model_version")
    rows = found.order_by().values(*which).annotate(newest=Max("timestamp"), count=Count("pk"))
    newest: dict[tuple[str, ...], tuple[datetime, str, str]] = {}
    for row in rows:
        # Documents of earlier versions lack some of these.
        key = tuple(row.get(name) or "" for name in KEY)
        if row["weights_sha256"]:
            last = (row["newest"], row["model_version"], row["model_name"])
            newest[key] = max(newest.get(key, last), last)
    return [
        _stream(dict(zip(KEY, key, strict=True)), time, version, name)
        for key, (time, version, name) in newest.items()
    ]


def _answered() -> ScanQuerySet:
    """Of each upload one scan: B-scans of a volume are of one eye at one moment."""
    return Scan.objects.leading().filter(status=Status.PREDICTED, model_name__in=modalities.models())


def _stream(key: Mapping[str, str], newest: datetime, version: str, name: str) -> DriftStream:
    stream = DriftStream.objects.filter(**key).first()
    if stream is None:
        start = clock.now() - LOOK_BACK
        stream = DriftStream(**key, model_name=name, model_version=version, newest=newest, seen_until=start)
        try:
            stream.save(force_insert=True)
        except IntegrityError:  # another worker made it at the same moment
            stream = DriftStream.objects.get(**key)
    elif stream.newest != newest:
        stream.newest = newest
        stream.save(update_fields=["newest"])
    return stream


def new_scans(stream: DriftStream) -> Iterator[NewScan]:
    """The stream's scans that were not looked at yet, in the order of their uploads.

    Those from the future, of a clock that was wrong, wait until their time has come.
    """
    seen = Q(timestamp__gt=stream.seen_until)
    if stream.seen_last:
        seen |= Q(timestamp=stream.seen_until, pk__gt=ObjectId(stream.seen_last))
    # All of the key is in the query: MOST_READ scans of others that were left over would hide the stream's own for good.
    key = (_holds(name, getattr(stream, name)) for name in KEY)
    own = _answered().filter(seen, *key, timestamp__lte=clock.now())
    names = ("pk", "timestamp", "user_id", "patient_ref", *FIELDS)
    rows = own.order_by("timestamp", "pk").values_list(*names)[:MOST_READ]
    for values in rows.iterator(chunk_size=500):
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        reference = row["patient_ref"]
        patient = f"{circle_of(stream.clinic, row['user_id'])}/{reference}" if reference else ""
        yield NewScan(row["pk"], row["timestamp"], patient, values_of(row))


def _holds(name: str, value: str) -> Q:
    """That a field has the value. An empty one may be missing in documents of earlier versions."""
    found = Q(**{name: value})
    return found if value else found | Q(**{f"{name}__is_missing": True})
