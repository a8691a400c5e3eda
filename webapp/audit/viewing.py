"""Every look at a patient's data is recorded, at one place and without a word from the views.

What a request loads from the database notes itself here (`OfScan`), and once its answer is made, before it is sent, one
record tells which scans it was about. So a new address is recorded from its first day, the administration's pages like
the API's: a view would have to be exempted to leave no trace, and there is no way to exempt one. A record that
is written of a scan anyway, of a change for example, tells of the look, too: its answer shows the scan.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from webapp.audit.models import Action
from webapp.audit.recording import acting, record, told_of

ACTIONS = {
    "scan-image": Action.SCAN_IMAGE,
    "scan-overlay": Action.SCAN_OVERLAY,
    "scan-heatmap": Action.SCAN_HEATMAP,
    "scan-findings": Action.SCAN_FINDINGS,
    "scan-report": Action.SCAN_REPORT,
    "scan-thumbnail": Action.SCAN_THUMBNAIL,
    "scan-annotations": Action.ANNOTATION_VIEW,
    "annotation": Action.ANNOTATION_VIEW,
    "scan-reviews": Action.REVIEW_VIEW,
    "scan-reading": Action.REVIEW_VIEW,
    "scans_scan_history": Action.SCAN_HISTORY,
    "volume-enface": Action.SCAN_IMAGE,
}
"""What is seen at an address, by its name, where it is less than the whole scan."""
NOT_MODIFIED = 304

# Filters whose values are told as they are: words of a closed list, labels, versions, times and numbers. All others may
# be of a patient.
PLAIN = {
    "prediction", "status", "state", "reviewed", "eye", "uploaded_after", "uploaded_before", "model_version", "unread", "volume",
    "ordering", "page_size", "label", "model_label", "verdict", "current", "created", "timestamp", "p", "o",
}  # fmt: skip
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_ .:+-]{1,40}")
LONGEST_ASKED = 500

Shown = TypeVar("Shown", bound="OfScan")
_seen: ContextVar[dict[str, None] | None] = ContextVar("seen", default=None)


class OfScan(models.Model):
    """A document that tells of a patient's scan. Whoever reads it in a request has looked at the scan."""

    SCAN_FIELD: ClassVar[str] = "scan_id"
    """The field that has the scan's key."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """As Django does it, and noted."""
        loaded = super().from_db(*args, **options)
        seen = _seen.get()
        if seen is not None:
            seen[loaded.scan_key()] = None
        return loaded

    def scan_key(self) -> str:
        """The scan's key, asked for even where only other fields were wanted: that costs a query and misses nothing."""
        return str(getattr(self, self.SCAN_FIELD))


def page_of(load: Callable[[], list[Shown]]) -> list[Shown]:
    """What `load` returns, a page of scans: the one more that it reads, to know whether another page follows, is not seen."""
    seen = _seen.get()
    if seen is None:
        return load()
    before = dict(seen)
    page = load()
    seen.clear()
    seen.update(before | {document.scan_key(): None for document in page})
    return page


class ViewsAreRecorded:
    """The middleware that writes the record of what an answer shows. The last one: around the view alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and record whose data the answer is about; raises what the database raises, and shows nothing then."""
        token = _seen.set({})
        try:
            with told_of() as told:
                response = self._get_response(request)
            seen = [scan for scan in _seen.get() or () if scan not in told]
        finally:
            _seen.reset(token)
        if response.streaming and not isinstance(response, FileResponse):
            raise TypeError("An answer that reads documents while it is sent would leave no record of them.")
        if seen and (200 <= response.status_code < 300 or response.status_code == NOT_MODIFIED):
            _record(request, seen)
        return response


def asked(request: HttpRequest) -> str:
    """The address's query as a record may tell it: `label=CNV&patient_ref=#0a1b…`, of 500 letters at most.

    What may be of a patient is a keyed hash: whether somebody asked for a certain one can be found out, and no more.
    """
    told = []
    for name, values in sorted(request.GET.lists()):
        plain = name.partition("__")[0] in PLAIN
        for value in values:
            if plain and PLAIN_VALUE.fullmatch(value):
                told.append(f"{name}={value}")
            elif value:
                digest = salted_hmac("webapp.audit.viewing", value, algorithm="sha256").hexdigest()
                told.append(f"{name if PLAIN_VALUE.fullmatch(name) else '?'}=#{digest[:16]}")
    return "&".join(told)[:LONGEST_ASKED]


def _record(request: HttpRequest, seen: list[str]) -> None:
    match = request.resolver_match
    is_list = match is None or not match.kwargs and request.method in ("GET", "HEAD")
    if is_list or len(seen) > 1:
        record(Action.SCAN_LIST, acting(), "scan", scan_ids=seen, asked=asked(request))
        return
    action = ACTIONS.get(match.url_name if match and match.url_name else "", Action.SCAN_VIEW)
    record(action, acting(), "scan", object_id=seen[0], scan_id=seen[0])
