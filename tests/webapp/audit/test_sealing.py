"""Sealing while many write and several seal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.db import connection

from webapp.audit import sealing
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.recording import record
from webapp.audit.verification import Verification
from webapp.mongodb.transactions import all_or_nothing

ROOT = Path(__file__).parents[3]
EACH = 25
WRITE_AND_SEAL = f"""
import django
django.setup()
from django.db import connection
from django.conf import settings
from webapp.audit import sealing
from webapp.audit.models import Action
from webapp.audit.recording import record
for number in range({EACH}):
    record(Action.SCAN_VIEW, "another process", "scan", object_id=str(number))
    sealing.seal()
"""


def numbered(actor: str) -> list[int]:
    """What an actor wrote, in the chain's order."""
    return [
        int(key)
        for key in Record.objects.filter(actor=actor).order_by("number").values_list("object_id", flat=True)
    ]


def test_many_threads_and_processes_make_one_chain(db: None) -> None:
    def write(name: str) -> None:
        try:
            for number in range(EACH):
                all_or_nothing(
                    lambda number=number: record(Action.SCAN_VIEW, name, "scan", object_id=str(number))
                )
                if number % 5 == 0:
                    sealing.seal()
        finally:
            connection.close()

    environment = os.environ | {"RETINOTE_DATABASE": str(connection.settings_dict["NAME"])}
    others = [
        subprocess.Popen([sys.executable, "-c", WRITE_AND_SEAL], env=environment, cwd=ROOT) for _ in range(2)
    ]
    names = [f"thread {number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, names))
    assert [other.wait() for other in others] == [0, 0]
    sealing.seal()

    assert not WaitingRecord.objects.exists()
    verification = Verification()
    assert list(verification.findings()) == []
    assert verification.count == verification.last == 6 * EACH
    for name in names:  # who writes one after the other is found in that order
        assert numbered(name) == list(range(EACH))
    assert sorted(numbered("another process")) == sorted([*range(EACH)] * 2)


def test_an_open_transaction_hinders_neither_sealing_nor_others(db: None) -> None:
    def elsewhere(work: Callable[[], Any]) -> Any:
        def run() -> Any:
            try:
                return work()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(run).result()

    def slow() -> None:
        record(Action.SCAN_VIEW, "slow", "scan")
        elsewhere(lambda: record(Action.SCAN_VIEW, "quick", "scan"))
        assert elsewhere(sealing.seal) == 1

    all_or_nothing(slow)
    assert sealing.seal() == 1
    assert list(Record.objects.order_by("number").values_list("actor", flat=True)) == ["quick", "slow"]
    assert list(Verification().findings()) == []


def test_the_head_is_logged_when_it_moves(db: None, caplog: Any) -> None:
    caplog.set_level("INFO", "webapp.audit")
    record(Action.SCAN_VIEW, "somebody", "scan")
    sealing.seal()
    sealing.seal()
    last = sealing.head()
    said = [entry.getMessage() for entry in caplog.records if entry.name == "webapp.audit.sealing"]
    assert said == [f"audit head {last.number} {last.hash}"]
