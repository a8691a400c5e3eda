"""Upgrades: what an installation of the first version has stored goes on working in this one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pymongo.database import Database
from pytest_django import DjangoDbBlocker

from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans import audit_checks
from webapp.scans.models import Scan

pytestmark = pytest.mark.django_db(transaction=True)

APPS = ("accounts", "scans", "volumes", "annotations", "reviews")
SELECTOR = {"type": "FragmentSelector", "value": "xywh=pixel:120,88,64,40"}
PROBABILITIES = {"CNV": 0.91, "NORMAL": 0.09}
OF_STATES = ("familiarity", "known", "prediction_set", "state", "because", "group", "nearest", "calibration",
             "findings", "findings_name")  # fmt: skip
"""Fields of an answer that came last."""


@dataclass(frozen=True)
class Upgraded:
    """A database of the first version, upgraded to this one: its name, the scan in it, and all its documents."""

    name: str
    scan: ObjectId
    documents: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def upgraded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Upgraded]:
    """Made once, as every migration takes seconds; `fresh_database` gives each test its documents as they were."""
    name = f"upgraded_{secrets.token_hex(4)}"
    with django_db_blocker.unblock():
        try:
            with _used(name) as database:
                scan = _stored_by_the_first_version()
                call_command("migrate", interactive=False, verbosity=0)
                documents = _documents(database)
            yield Upgraded(name, scan, documents)
        finally:
            connection.database.client.drop_database(name)


@pytest.fixture
def fresh_database(db: None, upgraded: Upgraded) -> Iterator[Database[dict[str, Any]]]:
    """The web app on the upgraded database, in which no test has changed anything."""
    with _used(upgraded.name) as database:
        for name in database.list_collection_names():
            database[name].delete_many({})
            if documents := upgraded.documents.get(name):
                database[name].insert_many(documents)
        yield database


@pytest.fixture
def old_scan(fresh_database: Database[dict[str, Any]], upgraded: Upgraded) -> ObjectId:
    """A scan with prediction, drawing and verdict, stored by the first version; then upgraded to this one."""
    return upgraded.scan


@contextmanager
def _used(name: str) -> Iterator[Database[dict[str, Any]]]:
    """The web app on the database of that name, for the length of the block."""
    before = connection.settings_dict["NAME"]

    def use(name: str) -> None:
        connection.close_pool()
        connection.settings_dict["NAME"] = name

    use(name)
    try:
        connection.ensure_connection()
        yield connection.database
    finally:
        use(before)


def _documents(database: Database[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: list(database[name].find()) for name in database.list_collection_names()}


def _stored_by_the_first_version() -> ObjectId:
    executor = MigrationExecutor(connection)
    first = [
        key
        for key in executor.loader.graph.nodes
        if (key[0] in APPS and key[1].startswith("0001"))
        or key[0] in ("auth", "admin", "contenttypes", "sessions")
    ]
    executor.migrate(first)
    old = executor.loader.project_state(first).apps
    user = old.get_model("accounts", "User").objects.create(
        username="clara", password="", role="clinician", clinic="east"
    )
    predicted = {
        "label": "CNV",
        "confidence": 0.91,
        "probabilities": PROBABILITIES,
        "gradcam_label": "CNV",
        "model_name": "retina-oct",
        "model_version": "0.9.0",
        "weights_sha256": "cd" * 32,
        "predicted_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    scan = old.get_model("scans", "Scan").objects.create(
        user=user,
        clinic="east",
        sha256="ab" * 32,
        image_name=f"{'0' * 32}.png",
        width=512,
        height=384,
        patient_ref="P-7",
        status="predicted",
        reviewed=True,
        **predicted,
    )
    old.get_model("scans", "Prediction").objects.create(scan=scan, **predicted)
    old.get_model("annotations", "Annotation").objects.create(
        scan_id=scan.pk, author_id=user.pk, selector=SELECTOR, comment="fluid"
    )
    old.get_model("reviews", "Review").objects.create(
        scan_id=scan.pk,
        reader_id=user.pk,
        verdict="agree",
        label="CNV",
        model_label="CNV",
        model_name="retina-oct",
        model_version="0.9.0",
    )
    key = scan.pk
    assert isinstance(key, ObjectId)
    return key


def test_an_installation_of_the_first_version_goes_on_with_its_data(old_scan: ObjectId, api: Clients) -> None:
    clara = User.objects.get(username="clara")
    client = api(clara)
    address = f"/api/v1/scans/{old_scan}/"

    scan = client.get(address).json()

    assert (scan["prediction"], scan["confidence"], scan["patient_ref"]) == ("CNV", 0.91, "P-7")
    assert scan["probabilities"] == PROBABILITIES
    assert (scan["state"], scan["prediction_set"], scan["known"]) == (None, None, None)
    assert scan["recommendation"] is None or scan["recommendation"]["urgency"]
    assert [found["id"] for found in client.get("/api/v1/scans/").json()["results"]] == [str(old_scan)]
    assert client.get(f"{address}annotations/").json()[0]["comment"] == "fluid"
    assert client.get(f"{address}reviews/").json()[0]["verdict"] == "agree"
    assert client.get("/api/v1/history/").json()["results"][0]["prediction"] == "CNV"


def test_an_upgrade_fills_what_only_later_versions_have(old_scan: ObjectId) -> None:
    scan = Scan.objects.get(pk=old_scan)

    assert scan.urgency_rank > 0  # worked out from its probabilities
    assert scan.readers == [str(User.objects.get(username="clara").pk)]  # learnt from its reviews
    assert (scan.caveats, scan.dispute, scan.settled_label) == ([], 0, "")
    # Clara's label is the final reading, and it is not verified by anybody else.
    assert scan.final_reading == {"by": "readers", "labels": ["CNV"], "readers": 1, "independent": 1}
    assert scan.final_rank == 5


def test_an_upgrade_keeps_what_a_browser_said_and_trusts_no_look_of_before(
    old_scan: ObjectId, api: Clients
) -> None:
    client = api(User.objects.get(username="clara"))
    address = f"/api/v1/scans/{old_scan}/"

    (said,) = client.get(f"{address}reviews/").json()
    assert (said["blind"], said["blind_source"], said["independent"]) == (False, "browser", True)
    # Nobody knows what was shown before, so no scan of that time can be read blind now.
    assert client.get(f"{address}reading/").json()["would_be_blind"] is False
    again = client.post(f"{address}review/", {"label": "NORMAL"}).json()
    assert (again["blind"], again["blind_source"], again["independent"]) == (False, "server", True)


def test_an_upgraded_database_has_all_indexes(
    old_scan: ObjectId, fresh_database: Database[dict[str, Any]]
) -> None:
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            made = fresh_database[model._meta.db_table].index_information()
            assert {index.name for index in model._meta.indexes} <= made.keys()


def test_upgrading_twice_changes_nothing(
    old_scan: ObjectId, fresh_database: Database[dict[str, Any]]
) -> None:
    before = _documents(fresh_database)

    call_command("migrate", interactive=False, verbosity=0)

    assert _documents(fresh_database) == before


def test_documents_of_the_version_before_are_read_while_both_run(
    old_scan: ObjectId, fresh_database: Database[dict[str, Any]], api: Clients
) -> None:
    """The database is upgraded first, and an app of the old version still writes: without the newer fields."""
    newer = (
        "urgency_rank",
        "readers",
        "dispute",
        "settled_label",
        "final_reading",
        "final_rank",
        "micrometres_x",
        "micrometres_y",
        "waited_ms",
        "acquired",
        "device",
        "volume_id",
        "place",
        "in_the_middle",
        "follows",
        "volume_readers",
        *OF_STATES,
    )
    fresh_database["scans_scan"].update_one(
        {"_id": old_scan}, {"$unset": dict.fromkeys([*newer, "caveats"], "")}
    )
    fresh_database["scans_prediction"].update_many({}, {"$unset": dict.fromkeys(OF_STATES, "")})
    later = ("blind", "blind_by_server", "after_others", "model_state", "model_set", "model_group")
    fresh_database["reviews_review"].update_many({}, {"$unset": dict.fromkeys(later, "")})
    fresh_database["accounts_user"].update_many({}, {"$unset": {"reads_blind": ""}})
    client = api(User.objects.get(username="clara"))

    scan = client.get(f"/api/v1/scans/{old_scan}/")

    assert scan.status_code == 200
    assert (scan.json()["prediction"], scan.json()["acquired"], scan.json()["state"]) == ("CNV", "", None)
    assert list(audit_checks.answers([Scan.objects.get(pk=old_scan)])) == []
    for ordering in ("urgent", "state"):
        assert client.get(f"/api/v1/scans/?ordering={ordering}").json()["results"][0]["nearest"] == []
    assert client.get(f"/api/v1/scans/{old_scan}/reviews/").json()[0]["model_answer"] == "CNV"
    assert client.post(f"/api/v1/scans/{old_scan}/review/", {"verdict": "agree"}).status_code == 201


def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True)


def test_the_version_before_can_use_the_upgraded_database(
    old_scan: ObjectId, fresh_database: Database[dict[str, Any]]
) -> None:
    """No migration takes away or renames what an earlier version knows: it may be put back without its data."""
    executor = MigrationExecutor(connection)
    state = executor.loader.project_state(
        [key for key in executor.loader.graph.nodes if key[1].startswith("0001")]
    )
    for app in APPS:
        for model in state.apps.get_app_config(app).get_models():
            if model._meta.managed and not model._meta.swapped:
                list(model._default_manager.all()[:5])
    old_model = state.apps.get_model("scans", "Scan")
    before = fresh_database["scans_scan"].find_one({"_id": old_scan})
    assert before

    known = old_model.objects.get(pk=old_scan)
    known.note = "seen"
    known.save()

    assert {field.column for field in old_model._meta.concrete_fields} <= before.keys()
    assert fresh_database["scans_scan"].find_one({"_id": old_scan}) == before | {"note": "seen"}
