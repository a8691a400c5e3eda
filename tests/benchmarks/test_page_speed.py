"""`./retinote bench page`: the long worklist; what needs a browser is tried in tests/e2e/page/test_page_speed.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from benchmarks.page_speed import copy_scans
from tests.stacks import retinote

Scans = Collection[dict[str, Any]]


@pytest.fixture
def scans(mongodb_uri: str) -> Iterator[Scans]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        collection = client["bench_page"]["scans"]
        yield collection
        client.drop_database("bench_page")


def test_the_newest_scan_is_copied_until_there_are_enough(scans: Scans) -> None:
    scans.insert_many([{"timestamp": 1, "label": "CNV"}, {"timestamp": 2, "label": "DME"}])

    copy_scans(scans, 50)

    assert scans.count_documents({"label": "DME"}) == 49
    assert len(scans.distinct("sha256")) == 48


def test_of_enough_scans_none_is_copied(scans: Scans) -> None:
    scans.insert_many([{"timestamp": number} for number in range(3)])

    copy_scans(scans, 2)

    assert scans.count_documents({}) == 3


def test_numbers_that_make_no_sense_are_refused_before_anything_starts() -> None:
    refused = retinote("bench", "page", "--uploads", "0")

    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "retinote: --uploads, --scans, --shapes and --loads: at least 1 is needed."
    ]
