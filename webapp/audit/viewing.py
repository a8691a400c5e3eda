"""Records every look at a patient's data, in one place, so that no view has to do so.

Documents that a request loads note themselves here (`OfScan`). Once the answer is made, and before it is sent, one
record tells which scans it was about. So a new address is recorded from its first day, in the administration as in the
API, and no view can be exempted. Where another record is written about a scan, such as that of a change, it stands for
the look, too: the answer shows the scan.
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
from webapp.audit.recording import acting, record, scans_recorded

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
"""What an address shows, by its name, where it is less than the whole scan."""
NOT_MODIFIED = 304

PLAIN = {
    "prediction", "status", "state", "reviewed", "eye", "uploaded_after", "uploaded_before", "model_version", "unread", "volume",
    "ordering", "page_size", "label", "model_label", "verdict", "current", "created", "timestamp", "p", "o",
}  # fmt: skip
"""Filters whose values are recorded as they are: words of a closed list, labels, versions, times and numbers. All
others may be of a patient."""
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_ .:+-]{1,40}")
LONGEST_ASKED = 500

Shown = TypeVar("Shown", bound="OfScan")
_seen: ContextVar[dict[str, None] | None] = ContextVar("seen", default=None)


class OfScan(models.Model):
    """A document about a patient's scan. To load it in a request is to look at the scan."""

    SCAN_FIELD: ClassVar[str] = "scan_id"
    """The field that has the scan's key."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Load the document as Django does, and note that its scan was seen."""
        loaded = super().from_db(*args, **options)
        seen = _seen.get()
        if seen is not None and (key := loaded.scan_key()):
            seen[key] = None
        return loaded

    def scan_key(self) -> str:
        """The scan's key, or nothing where there is no scan yet.

        Where only other fields were loaded, this costs a query, so that no look is missed.
        """
        return str(getattr(self, self.SCAN_FIELD) or "")


def page_of(load: Callable[[], list[Shown]]) -> list[Shown]:
    """The page of scans that `load` returns; the scan that it loads beyond the page doesn't count as seen."""
    seen = _seen.get()
    if seen is None:
        return load()
    before = dict(seen)
    page = load()
    seen.clear()
    seen.update(before | {document.scan_key(): None for document in page})
    return page


class ViewsAreRecorded:
    """The middleware that records what an answer shows. It has to be the last one, around the views alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and record which scans the answer is about. When the record can't be written, nothing is shown."""
        token = _seen.set({})
        try:
            with scans_recorded() as told:
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
    """The query of the address as records have it: `label=CNV&patient_ref=#0a1b…`, up to 500 characters.

    A keyed hash stands for what may be of a patient: it shows whether somebody asked for a certain one, and no more.
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
