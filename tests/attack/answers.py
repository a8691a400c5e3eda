"""Everything that the API tells somebody, to be compared with what it tells when something hidden is different."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from rest_framework.test import APIClient

from tests.attack.addresses import addresses
from webapp.exports.views import FORMATS
from webapp.scans.filters import ScanFilter
from webapp.scans.worklist import Ordering

OF_THE_REQUEST = ("X-Request-Id", "Date")
LISTS = ("/api/v1/scans/", "/api/v1/history/")
VALUES = {
    "prediction": ("CNV", "DME"),
    "status": ("queued", "predicted"),
    "reviewed": ("true", "false"),
    "eye": ("OD",),
    "modality": ("oct", "chest-xray"),
    "patient_ref": ("PATIENT-SECRET", "P-2"),
    "uploaded_after": ("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    "uploaded_before": ("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    "model_version": ("1.0.0",),
    "state": ("answered", "not_answered"),
    "unread": ("true", "false"),
    "withdrawn": ("true", "false"),
    "volume": ("674b00000000000000000000", "no-id"),
    "search": ("CNV", "DME", "secret", "settled"),
}
"""What lists are narrowed by; a filter without its values fails `queries`."""

Answers = dict[str, tuple[int, dict[str, str], bytes]]


def answers(client: APIClient, scans: Sequence[object], shapes: Sequence[object]) -> Answers:
    """Status, headers and bytes of all that somebody can look at, by the request; without what is the request's own.

    `scans` and `shapes` are ids to ask for, whether there are such or not.
    """
    return dict(_answers(client, scans, shapes))


def without_cursors(told: Answers) -> Answers:
    """The answers with the same word in place of each cursor, which are encrypted."""
    cursor = re.compile(rb"cursor=[^&\"]+")
    return {
        name: (status, headers, cursor.sub(b"cursor", content))
        for name, (status, headers, content) in told.items()
    }


def queries() -> list[str]:
    """Every order and every filter of a list, in small pages."""
    assert set(ScanFilter.base_filters) == set(VALUES)
    filters = [f"{name}={value}" for name, values in VALUES.items() for value in values]
    orders = [f"ordering={order}&page_size=1" for order in Ordering.values]
    return [*orders, *(f"ordering=disputed&page_size=2&{narrowed}" for narrowed in filters)]


def _answers(
    client: APIClient, scans: Sequence[object], shapes: Sequence[object]
) -> Iterator[tuple[str, Any]]:
    for path in LISTS:
        for query in queries():
            address: str | None = f"{path}?{query}"
            for page in count(1):
                if not address:
                    break
                answer = client.get(address)
                yield f"{path}?{query}, page {page}", _kept(answer)
                address = answer.json()["next"]
    for query in queries():
        yield f"count {query}", _kept(client.get(f"/api/v1/scans/count/?{query}"))
    for path in _below(scans, shapes):
        yield path, _kept(client.get(path))
    for export_format in FORMATS:
        yield export_format, _kept(client.post("/api/v1/exports/", {"format": export_format}, format="json"))


def _below(scans: Sequence[object], shapes: Sequence[object]) -> Iterator[str]:
    """Every other address to look at, of the scans and of the shapes."""
    for call in sorted(addresses(besides=("admin/",))):
        method, path = call.split()
        if method == "GET" and path.startswith("/api/v1/") and path not in LISTS:
            keys = shapes if "/annotations/{id}" in path else scans if "{id}" in path else [""]
            yield from (path.replace("{id}", str(key)) for key in keys)


def _kept(answer: Any) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_REQUEST}
    return answer.status_code, headers, answer.getvalue()
