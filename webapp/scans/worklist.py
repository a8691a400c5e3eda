"""The orders of lists of scans, and their pages."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from django.db.models import Q, TextChoices
from django.utils.dateparse import parse_datetime
from rest_framework import exceptions
from rest_framework.request import Request

from webapp.accounts.deidentified import asked_id
from webapp.accounts.models import User
from webapp.api.pagination import NewestFirst
from webapp.audit.viewing import page_of
from webapp.mongodb import lookups  # noqa: F401 # is_missing
from webapp.recommendations.answers import State
from webapp.scans.models import Scan, ScanQuerySet, open_readings, read_by, sees_all_readings

WORST_FIRST = (State.NOT_ANSWERED, State.UNDECIDED, State.ANSWERED)
AFTER = "after"
"""The parameter that names the scan after which a list begins."""
PLACE = "place"


class Ordering(TextChoices):
    """What a reader wants to see first."""

    NEWEST = "newest", "Newest"
    URGENT = "urgent", "Most urgent"
    UNCERTAIN = "uncertain", "Least certain"
    DISPUTED = "disputed", "Most disputed"
    STATE = "state", "Not answered first"
    USEFUL = "useful", "Most useful to learn from"


@dataclass(frozen=True)
class Stretch:
    """Consecutive scans of a list, sorted by `field`, where there is one, and then newest first."""

    scans: ScanQuerySet
    field: str = ""

    @property
    def order(self) -> tuple[str, ...]:
        """What they are sorted by; each has its index in the model."""
        return (*filter(None, [self.field]), "-timestamp", "-pk")

    def after(self, value: Any, timestamp: str, key: str) -> ScanQuerySet:
        """The scans that come after the one with these sort keys."""
        moment = parse_datetime(timestamp)
        later = Q(timestamp__lt=moment) | Q(timestamp=moment, pk__lt=ObjectId(key))
        if self.field:
            name = self.field.removeprefix("-")
            beyond = Q(**{f"{name}__lt" if self.field.startswith("-") else f"{name}__gt": value})
            later = beyond | Q(**{name: value}) & later
        return self.scans.filter(later)

    def keys(self, scan: Scan) -> tuple[Any, str, str]:
        """The scan's sort keys, as `after` takes them."""
        value = getattr(scan, self.field.removeprefix("-")) if self.field else None
        return value, scan.timestamp.isoformat(), str(scan.pk)

    def keys_of(self, key: str) -> tuple[Any, str, str] | None:
        """The sort keys of the scan with this id, without loading it; None if it is not in this stretch."""
        wanted = (self.field.removeprefix("-") or "pk", "timestamp")
        found = self.scans.filter(pk=key).values_list(*wanted).first()
        if found is None:
            return None
        value, moment = found
        return (value if self.field else None), moment.isoformat(), key


def stretches(ordering: Ordering, scans: ScanQuerySet, reader: User) -> list[tuple[Stretch, ...]]:
    """The scans in this order, which never depends on what the reader may not know.

    The stretches of a tuple are merged; each is sorted by a field of its own, largest first.
    """
    if ordering == Ordering.URGENT:
        # A final reading leads for those who may know it; for all others the model's answer does.
        read = open_readings(reader) & Q(final_rank__gt=0)
        # Where all readings are open an index finds what nobody has read, however little that is.
        is_unread = (
            [Q(final_rank=0), Q(final_rank__is_missing=True)] if sees_all_readings(reader) else [~read]
        )
        unread = [Stretch(scans.filter(each), "-urgency_rank") for each in is_unread]
        return [(Stretch(scans.filter(read), "-final_rank"), *unread)]
    if ordering == Ordering.UNCERTAIN:  # what has no confidence is not uncertain, but unread by the model
        # Where it has not answered its confidence says nothing, however high it is.
        unsure = Q(state=State.NOT_ANSWERED)
        sure = scans.filter(~unsure, confidence__isnull=False)
        return [(Stretch(scans.filter(unsure)),), (Stretch(sure, "confidence"),)]
    if ordering == Ordering.DISPUTED:
        # A dispute that is hidden until the reader's own verdict does not count, as it is not shown either.
        disputed = open_readings(reader) & Q(dispute__gt=0)
        return [(Stretch(scans.filter(disputed), "-dispute"),), (Stretch(scans.exclude(disputed)),)]
    if ordering == Ordering.STATE:
        # Each by the index of its state. Scans without one (earlier documents, no prediction) come last.
        of_state = [(Stretch(scans.filter(state=state)),) for state in WORST_FIRST]
        return [*of_state, (Stretch(scans.exclude(state__in=WORST_FIRST)),)]
    if ordering == Ordering.USEFUL:
        return _queue(scans, reader)
    return [(Stretch(scans),)]


def _queue(scans: ScanQuerySet, reader: User) -> list[tuple[Stretch, ...]]:
    """What a verdict of this reader would teach most about, then what they have read.

    `useful` follows from answers alone. What readings tell is used for those alone who may know all of them: what they
    dispute comes first, and what an adjudicator has settled comes with what is read.
    """
    mine = read_by(reader)
    # In documents that an earlier version writes beside this one the field is missing.
    is_known = Q(useful__gt=0)
    if not sees_all_readings(reader):
        left = scans.exclude(mine)
        return [
            (Stretch(left.filter(is_known), "-useful"),),
            (Stretch(left.exclude(is_known)),),
            (Stretch(scans.filter(mine)),),
        ]
    settled = ~Q(settled_label="")
    left = scans.exclude(mine).exclude(settled)
    disputed = Q(dispute__gt=0)
    return [
        (Stretch(left.filter(disputed), "-dispute"),),
        (Stretch(left.exclude(disputed).filter(is_known), "-useful"),),
        (Stretch(left.exclude(disputed).exclude(is_known)),),
        (Stretch(scans.filter(mine | settled)),),
    ]


def merged(beside: tuple[Stretch, ...], last: list[Any], most: int) -> list[tuple[Scan, list[Any]]]:
    """The next `most` scans of merged stretches, with their sort keys; `last` are the keys of the scan before."""

    def begin(stretch: Stretch) -> list[tuple[Scan, list[Any]]]:
        scans = stretch.after(*last) if last else stretch.scans
        return [(scan, list(stretch.keys(scan))) for scan in scans.order_by(*stretch.order)[:most]]

    lists = [begin(stretch) for stretch in beside]
    if len(lists) == 1:
        return lists[0]
    # All are sorted largest first. The field may be missing in documents of earlier versions.
    found = heapq.merge(*lists, key=lambda entry: (entry[1][0] or 0, *entry[1][1:]), reverse=True)
    return list(found)[:most]


def asked_volume(request: Request) -> str:
    """The id of the volume whose B-scans are asked for, as it was given; "" for lists of scans."""
    return request.query_params.get("volume", "").strip()


class ScanPages(NewestFirst):
    """Pages of scans, newest first; of a volume's B-scans by their places, as some may have come later than others.

    Only scans on the page are recorded as seen.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The page that the cursor names. Raises NotFound for a cursor of none."""
        if asked_volume(request):
            self.ordering, self.order = (PLACE,), "places"
        return page_of(lambda: super(ScanPages, self).paginate_queryset(queryset, request, view) or [])


class WorklistPages(ScanPages):
    """Pages in the order that `ordering` names, after the scan that `after` names.

    A cursor holds the sort keys of the last scan before it. The plain cursor, a value and an offset, can't go through
    thousands of scans of the same urgency.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The page that the cursor names. Raises ValidationError for an unknown order, NotFound for a bad cursor."""
        given = request.query_params.get("ordering", Ordering.NEWEST)
        if given not in Ordering.values:
            known = ", ".join(Ordering.values)
            raise exceptions.ValidationError({"ordering": [f"{given!r} is no order; use one of {known}."]})
        self._ordering = Ordering(given)
        self._volume = asked_volume(request)
        assert isinstance(request.user, User)
        after = self._after(request.query_params.get(AFTER, ""), request.user)
        if self._ordering == Ordering.NEWEST:
            beyond = self._newest(queryset, request.user).after(*after[1:]) if after else queryset
            return super().paginate_queryset(beyond, request, view)
        self._url = request.build_absolute_uri()
        size = self.get_page_size(request)
        word = request.query_params.get(self.cursor_query_param)
        # Which stretch the last scan before the page was of, and its sort keys there.
        begin, *last = self.opened(word, self._ordering) if word else after or [0]
        of_order = stretches(self._ordering, queryset, request.user)

        def load() -> list[Scan]:
            found: list[tuple[Scan, list[Any]]] = []
            for number, beside in enumerate(of_order[begin:], start=begin):
                missing = size + 1 - len(found)
                if missing:
                    page = merged(beside, last if number == begin else [], missing)
                    found += [(scan, [number, *keys]) for scan, keys in page]
            self._next = found[size - 1][1] if len(found) > size else None
            return [scan for scan, _ in found[:size]]

        self.page = page_of(load)
        return self.page

    def _after(self, given: str, user: User) -> list[Any] | None:
        """The number of the stretch with the scan of this id, and its sort keys, even if filters exclude the scan.

        None without an id, and for a scan that this order leaves out. Raises NotFound for a scan that the user may not
        see.
        """
        if not given:
            return None
        key, visible = asked_id(given, user), Scan.objects.visible_to(user)
        if not key or not visible.filter(pk=key).exists():
            raise exceptions.NotFound("There is no scan with the id that `after` names.")
        is_newest = self._ordering == Ordering.NEWEST
        of_order = [(self._newest(visible, user),)] if is_newest else stretches(self._ordering, visible, user)
        for number, beside in enumerate(of_order):
            for stretch in beside:
                if keys := stretch.keys_of(key):
                    return [number, *keys]
        return None

    def _newest(self, scans: ScanQuerySet, user: User) -> Stretch:
        """The scans newest first; where a volume is asked for, its B-scans by their places."""
        if not self._volume:
            return Stretch(scans)
        key = asked_id(self._volume, user)
        return Stretch(scans.filter(volume=key) if key else scans.none(), PLACE)

    def get_next_link(self) -> str | None:
        """Address of the next page, None on the last."""
        if self._ordering == Ordering.NEWEST:
            return super().get_next_link()
        return self.address_of(self._url, self._next, self._ordering) if self._next else None

    def get_previous_link(self) -> str | None:
        """Address of the page before, which only the order by time has."""
        return super().get_previous_link() if self._ordering == Ordering.NEWEST else None

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters, for the API's description."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        schema = {"type": "string", "enum": Ordering.values, "default": Ordering.NEWEST.value}
        after = {
            "name": AFTER,
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": "Id of a scan: only what comes after it in this order.",
            "allowEmptyValue": True,
        }
        ordering = {"name": "ordering", "in": "query", "required": False, "schema": schema}
        return [*parameters, after, ordering]
