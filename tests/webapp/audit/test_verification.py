"""Tampering of every kind is found, with its place."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.webapp.audit.conftest import collection, verified
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.hashing import record_sha256
from webapp.audit.models import Action, Head, Record
from webapp.audit.recording import record
from webapp.audit.verification import Verification

COUNT = 12


@pytest.fixture
def chain(db: None) -> Any:
    """Twelve sealed records; their collection."""
    for number in range(1, COUNT + 1):
        record(Action.SCAN_VIEW, f"reader {number}", "scan", object_id=f"{number}")
    sealing.seal()
    return collection(Record)


def findings(**anchors: str) -> list[tuple[int, str]]:
    noted = {int(name.removeprefix("n")): value for name, value in anchors.items()}
    return [(finding.number, finding.what) for finding in Verification(noted).findings()]


def reseal(chain: Any, first: int) -> None:
    """Make all hashes from a record on anew, as somebody would who knows how."""
    previous = Record.objects.get(number=first - 1).hash if first > 1 else "0" * 64
    for found in Record.objects.filter(number__gte=first).order_by("number"):
        found.previous = previous
        previous = record_sha256(found)
        chain.update_one({"_id": found.number}, {"$set": {"previous": found.previous, "hash": previous}})
    collection(Head).update_one({}, {"$set": {"hash": previous}})


def test_an_untouched_chain(chain: Any) -> None:
    last = Record.objects.get(number=COUNT)
    assert verified() == (0, f"12 records are intact. Head: 12:{last.hash}\n")


def test_no_record_at_all(db: None) -> None:
    assert verified() == (0, f"0 records are intact. Head: 0:{'0' * 64}\n")


@pytest.mark.parametrize("field", ["actor", "action", "object_id", "before", "request_id"])
def test_a_changed_record(chain: Any, field: str) -> None:
    chain.update_one({"_id": 5}, {"$set": {field: "another"}})
    assert findings() == [(5, "it was changed: its hash is not that of what it says")]


def test_a_record_changed_with_its_hash(chain: Any) -> None:
    chain.update_one({"_id": 5}, {"$set": {"actor": "somebody else"}})
    changed = Record.objects.get(number=5)
    chain.update_one({"_id": 5}, {"$set": {"hash": record_sha256(changed)}})
    ((number, what),) = findings()
    assert number == 6
    assert what.startswith("it doesn't follow record 5: one of the two was changed")


def test_a_missing_record(chain: Any) -> None:
    chain.delete_one({"_id": 5})
    assert findings() == [(6, "record 5 is missing before it")]


def test_several_missing_records(chain: Any) -> None:
    chain.delete_many({"_id": {"$in": [1, 2, 8, 9, 10]}})
    assert findings() == [
        (3, "records 1 to 2 are missing before it"),
        (11, "records 8 to 10 are missing before it"),
    ]


def test_missing_records_at_the_end(chain: Any) -> None:
    chain.delete_many({"_id": {"$gt": 9}})
    assert findings() == [(12, "it is missing at the end, after record 9")]
    record(Action.SCAN_VIEW, "reader 13", "scan")
    assert verified()[0] == 1  # what was sealed meanwhile leaves the gap as it is
    assert findings() == [(13, "records 10 to 12 are missing before it")]


def test_two_records_that_changed_places(chain: Any) -> None:
    fourth, ninth = chain.find_one({"_id": 4}), chain.find_one({"_id": 9})
    chain.delete_many({"_id": {"$in": [4, 9]}})
    chain.insert_many([fourth | {"_id": 9}, ninth | {"_id": 4}])
    found = findings()
    assert [number for number, _ in found] == [4, 5, 9, 10]
    assert found[0][1] == "it was moved here: by its hash it is record 9"
    assert found[2][1] == "it was moved here: by its hash it is record 4"


def test_an_inserted_record(chain: Any) -> None:
    """Those behind it are given the next number, to make room."""
    for number in range(COUNT, 5, -1):
        moved = chain.find_one({"_id": number})
        chain.delete_one({"_id": number})
        chain.insert_one(moved | {"_id": number + 1})
    forged = Record.objects.get(number=5)
    forged.number, forged.previous, forged.actor = 6, forged.hash, "nobody"
    chain.insert_one(
        chain.find_one({"_id": 5})
        | {"_id": 6, "previous": forged.previous, "actor": "nobody", "hash": record_sha256(forged)}
    )
    found = findings()
    assert found[0] == (7, "it was moved here: by its hash it is record 6")
    assert found[-1] == (13, "it was added behind the chain's head, 12")


def test_an_added_record(chain: Any) -> None:
    forged = Record.objects.get(number=COUNT)
    forged.number, forged.previous = 13, forged.hash
    chain.insert_one(
        chain.find_one({"_id": COUNT})
        | {"_id": 13, "previous": forged.previous, "hash": record_sha256(forged)}
    )
    assert findings() == [(13, "it was added behind the chain's head, 12")]


def test_a_number_that_there_never_is(chain: Any) -> None:
    chain.insert_one(chain.find_one({"_id": 1}) | {"_id": 0})
    assert findings() == [(0, "it was inserted: numbers begin with 1")]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda heads: heads.delete_many({}), "the chain's head, which should name it, is missing"),
        (
            lambda heads: heads.update_one({}, {"$set": {"hash": "f" * 64}}),
            "its hash is not the one that the chain's head names",
        ),
    ],
)
def test_a_tampered_head(chain: Any, tamper: Callable[[Any], None], expected: str) -> None:
    tamper(collection(Head))
    assert findings() == [(12, expected)]


def test_a_chain_that_was_written_anew_is_found_by_a_head_noted_elsewhere(chain: Any) -> None:
    output = io.StringIO()
    call_command("audit_head", stdout=output)
    noted = output.getvalue().strip()
    assert verified("--expect", noted)[0] == 0

    chain.update_one({"_id": 5}, {"$set": {"actor": "somebody else"}})
    reseal(chain, 5)

    assert verified()[0] == 1
    Path(settings.AUDIT_HEAD_FILE).unlink()
    assert verified()[0] == 0  # in itself it is as good as the first one
    status, said = verified("--expect", noted)
    assert status == 1
    assert "TAMPERED record 12 of " in said and "was noted: the chain up to here was written anew" in said


def test_an_empty_chain_of_an_installation_that_has_done_something(clinician: User) -> None:
    sealing.seal()
    for model in (Record, Head):
        collection(model).delete_many({})
    Path(settings.AUDIT_HEAD_FILE).unlink()
    status, said = verified()
    assert status == 1
    assert said == "TAMPERED record 0: there is not a single record, although there is a user\n"


def test_an_end_that_was_taken_off_with_the_head_set_back(chain: Any) -> None:
    noted = Path(settings.AUDIT_HEAD_FILE).read_text()
    last = Record.objects.get(number=9)
    chain.delete_many({"_id": {"$gt": 9}})
    collection(Head).update_one({}, {"$set": {"number": 9, "hash": last.hash}})

    assert verified() == (1, "TAMPERED record 12: it is missing, and its hash was noted\n")
    for number in range(4):  # what is sealed from now on doesn't cover it up
        record(Action.SCAN_VIEW, f"reader {number}", "scan")
    status, said = verified()
    assert status == 1
    assert "was noted: the chain up to here was written anew" in said
    assert Path(settings.AUDIT_HEAD_FILE).read_text() == noted


def test_a_chain_that_was_emptied_with_its_head(chain: Any) -> None:
    for model in (Record, Head):
        collection(model).delete_many({})
    assert verified() == (1, "TAMPERED record 12: it is missing, and its hash was noted\n")


def test_a_chain_that_is_accepted_as_it_is(chain: Any) -> None:
    noted = Path(settings.AUDIT_HEAD_FILE).read_text().strip()
    for model in (Record, Head):
        collection(model).delete_many({})
    call_command("audit_head", accept=True, stdout=io.StringIO())
    assert verified()[0] == 0
    accepted = Record.objects.get()
    assert (accepted.action, f"{accepted.object_id}:{accepted.before}") == ("audit.accept", noted)


@pytest.mark.parametrize("text", ["", "12", "twelve:" + "0" * 64])
def test_a_note_of_the_head_that_says_nothing(chain: Any, text: str) -> None:
    Path(settings.AUDIT_HEAD_FILE).write_text(text)
    with pytest.raises(CommandError, match="holds no NUMBER:HASH"):
        verified()


def test_the_note_of_the_head_is_for_its_owner_alone(chain: Any) -> None:
    note = Path(settings.AUDIT_HEAD_FILE)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert note.read_text() == f"{COUNT}:{Record.objects.get(number=COUNT).hash}\n"


def test_where_nothing_can_be_noted_records_are_sealed_nevertheless(db: None, settings: Any) -> None:
    settings.AUDIT_HEAD_FILE = "/proc/nothing/audit-head"
    record(Action.SCAN_VIEW, "somebody", "scan")
    assert sealing.seal() == 1


def test_a_noted_head_that_is_gone(chain: Any) -> None:
    noted = Record.objects.get(number=COUNT).hash
    chain.delete_one({"_id": COUNT})
    head = Record.objects.get(number=COUNT - 1)
    collection(Head).update_one({}, {"$set": {"number": head.number, "hash": head.hash}})
    assert findings() == []
    assert findings(n12=noted) == [(12, "it is missing, and its hash was noted")]


def test_the_command_says_where(chain: Any) -> None:
    chain.update_one({"_id": 5}, {"$set": {"actor": "somebody else"}})
    when = Record.objects.get(number=5).time
    status, said = verified()
    assert status == 1
    assert said == (
        f"TAMPERED record 5 of {when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03} UTC: "
        "it was changed: its hash is not that of what it says\n"
    )


def test_nonsense_is_no_head(db: None) -> None:
    with pytest.raises(CommandError, match="is not NUMBER:HASH"):
        verified("--expect", "twelve")
