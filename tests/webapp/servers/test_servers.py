"""The page of model servers on a shared store: what it shows, its buttons, and the records of decisions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from pymongo.errors import AutoReconnect

from serving.changes import choice_sha256
from serving.registry import Registry
from serving.shared import servers
from serving.shared.decisions import registry_in
from serving.shared.errors import StoreAway
from serving.shared.folder import FolderObjects
from serving.shared.notes import noted
from serving.shared.servers import ServedReport, ServerReport
from serving.shared.store import SharedStores
from tests.models import make_model
from tests.webapp.conftest import make_user, signed_in
from tests.webapp.rollouts.two_versions import NEW, WEIGHTS
from webapp.accounts.models import Role
from webapp.audit.models import Action, Intake, WaitingRecord
from webapp.gates.models import Override
from webapp.mongodb.transactions import all_or_nothing
from webapp.servers import shared
from webapp.servers.taking_in import take_in
from webapp.versions.models import Kind, Rollout, State, Withdrawal, active_key

NAME = "retina-oct"
PAGE, DECIDE = "/admin/servers/modelserver/", "/admin/servers/modelserver/decide/"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        make_model(folder, version=version, seed=seed)
    return folder


@pytest.fixture
def stores(tmp_path: Path, made: Path, settings: Any) -> SharedStores:
    """A shared store with two versions, the first of which answers by default."""
    (tmp_path / "store").mkdir()
    stores = SharedStores(FolderObjects(tmp_path / "store"), tmp_path / "cache")
    settings.MODEL_STORE = stores.place
    for version in ("1.0.0", "1.1.0"):
        stores.add(made / NAME / version)
    registry_in(stores.objects).note_promoted(NAME, "1.0.0", stores.weights_sha256(NAME, "1.0.0"))
    return stores


@pytest.fixture
def registry(stores: SharedStores) -> Registry:
    return registry_in(stores.objects)


def report(stores: SharedStores, host: str, *versions: str, error: str = "") -> None:
    """Have a server say that it serves these versions, the first by default."""
    served = [
        ServedReport(NAME, version, stores.weights_sha256(NAME, version), servers.READY, number == 0, 0.0)
        for number, version in enumerate(versions)
    ]
    servers.write(stores.objects, ServerReport(host, host, 0.0, served, error))


def decide(browser: Client, registry: Registry, action: str, version: str = "", **other: str) -> str:
    """Press a button of the page as it is now; what the page says then."""
    seen = choice_sha256(registry.choice(NAME))
    fields = {"action": action, "name": NAME, "version": version, "seen": seen, **other}
    answer = browser.post(DECIDE, fields)
    assert answer.status_code == 302, answer.content
    *_, message = get_messages(answer.wsgi_request)  # earlier ones wait for a page to be shown on
    return str(message)


def test_servers_and_versions_are_shown(stores: SharedStores, browser: Client) -> None:
    report(stores, "one", "1.0.0")
    report(stores, "two", "1.0.0", error="The model store can't be reached.")
    loading = ServedReport(NAME, "1.1.0", "", servers.FAILED, False, 0.0, "its weights <are> no numbers")
    servers.write(stores.objects, ServerReport("three", "three", 0.0, [loading]))

    page = browser.get(PAGE).content.decode()

    assert "2 of 3 servers" in page and "0 of 3 servers" in page
    assert "its weights &lt;are&gt; no numbers" in page
    assert "The model store can&#x27;t be reached." in page
    assert stores.weights_sha256(NAME, "1.0.0") in page
    assert page.count('value="register"') == 1
    assert 'value="promote"' not in page and 'value="rollback"' not in page


def test_a_version_is_registered_promoted_and_rolled_back_by_buttons(
    stores: SharedStores, registry: Registry, browser: Client
) -> None:
    report(stores, "one", "1.0.0")
    assert "is registered: each server loads it" in decide(browser, registry, "register", "1.1.0")
    assert registry.choice(NAME).registered == ["1.1.0"]

    refused = decide(browser, registry, "promote", "1.1.0", override="neither of them is trained")
    assert "retina-oct 1.1.0 is not ready on one (it does not have it)" in refused
    report(stores, "one", "1.0.0", "1.1.0")
    assert 'value="promote"' in browser.get(PAGE).content.decode()
    assert "has not been compared with 1.0.0" in decide(browser, registry, "promote", "1.1.0")
    promoted = decide(browser, registry, "promote", "1.1.0", override="neither of them is trained")
    assert "retina-oct 1.1.0 answers by default" in promoted
    assert registry.choice(NAME).default == "1.1.0"
    assert Override.objects.get().reason == "neither of them is trained"

    assert "Roll back to 1.0.0" in browser.get(PAGE).content.decode()
    assert "retina-oct 1.0.0 answers by default again" in decide(browser, registry, "rollback")
    assert registry.choice(NAME).default == "1.0.0"
    assert "retina-oct 1.1.0 is retired" in decide(browser, registry, "retire", "1.1.0")
    assert registry.choice(NAME).registered == ["1.0.0"]

    wanted = [
        Action.MODEL_REGISTER,
        Action.MODEL_PROMOTE,
        Action.MODEL_OVERRIDE,
        Action.MODEL_ROLLBACK,
        Action.MODEL_RETIRE,
    ]
    records = list(WaitingRecord.objects.filter(kind="model").order_by("pk"))
    assert [each.action for each in records] == wanted
    assert {each.actor_name for each in records} == {"anna"}
    assert records[0].after == records[1].before
    assert records[-1].after == choice_sha256(registry.choice(NAME))


def test_a_version_that_is_tried_is_not_retired(
    stores: SharedStores, registry: Registry, browser: Client
) -> None:
    decide(browser, registry, "register", "1.1.0")
    trial = Rollout.objects.create(
        kind=Kind.CANARY, model_name=NAME, version="1.1.0", percent=5, active=active_key(Kind.CANARY, NAME)
    )

    refused = decide(browser, registry, "retire", "1.1.0")

    assert f"{NAME} 1.1.0 as canary is tried at the moment; end that first" in refused
    assert registry.choice(NAME).registered == ["1.1.0"]
    Rollout.objects.filter(pk=trial.pk).update(active=None, state=State.STOPPED)
    assert "is retired" in decide(browser, registry, "retire", "1.1.0")


@pytest.fixture
def promoted(stores: SharedStores, registry: Registry) -> str:
    """The weights of 1.1.0, which a rollback would withdraw; the registry of an earlier release does not name them."""
    report(stores, "one", "1.1.0", "1.0.0")
    weights = stores.weights_sha256(NAME, "1.1.0")
    registry.note_promoted(NAME, "1.1.0", "")
    return weights


def test_a_decision_is_recorded_also_when_the_store_is_away_right_after_it(
    promoted: str, registry: Registry, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = FolderObjects.exchange

    def away(*_: object) -> None:
        raise StoreAway("The store can't be reached.")

    def exchange_and_go(objects: FolderObjects, name: str, content: bytes, expected: str | None) -> None:
        exchange(objects, name, content, expected)
        monkeypatch.setattr(FolderObjects, "read", away)

    monkeypatch.setattr(FolderObjects, "exchange", exchange_and_go)

    assert "1.0.0 answers by default again" in decide(browser, registry, "rollback")

    assert [each.action for each in WaitingRecord.objects.filter(kind="model")] == [Action.MODEL_ROLLBACK]
    assert Withdrawal.objects.get().weights_sha256 == promoted


def test_a_decision_is_recorded_later_when_the_database_is_away_right_after_it(
    promoted: str, registry: Registry, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(shared, "record", away)
        assert "1.0.0 answers by default again" in decide(browser, registry, "rollback")
    assert not WaitingRecord.objects.filter(kind="model").exists()

    assert take_in() == 1

    recorded = WaitingRecord.objects.get(kind="model")
    assert (recorded.action, recorded.object_id) == (Action.MODEL_ROLLBACK, f"{NAME}/1.0.0")
    assert " by anna at 20" in recorded.asked
    assert recorded.after == choice_sha256(registry.choice(NAME))
    assert Withdrawal.objects.get().weights_sha256 == promoted


def test_a_decision_is_recorded_once_also_when_the_database_goes_away_during_its_commit(
    stores: SharedStores, registry: Registry, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(stores, "one", "1.0.0", "1.1.0")
    decide(browser, registry, "register", "1.1.0")
    reason = "neither of them is trained"

    def commit_and_go(work: Callable[[], object]) -> None:
        all_or_nothing(work)
        raise AutoReconnect("connection closed")

    with monkeypatch.context() as patched:
        patched.setattr(shared, "all_or_nothing", commit_and_go)
        decide(browser, registry, "promote", "1.1.0", override=reason)
    assert take_in() == 0

    promoted = WaitingRecord.objects.get(action=Action.MODEL_PROMOTE)
    assert (promoted.object_id, promoted.actor_name) == (f"{NAME}/1.1.0", "anna")
    assert WaitingRecord.objects.filter(action=Action.MODEL_OVERRIDE).count() == 1
    assert [each.reason for each in Override.objects.all()] == [reason]
    assert stores.objects.names("changes/") == []


def test_of_two_pages_that_were_loaded_at_the_same_time_one_decides(
    stores: SharedStores, registry: Registry, browser: Client
) -> None:
    report(stores, "one", "1.0.0", "1.1.0")
    seen = choice_sha256(registry.choice(NAME))
    decide(browser, registry, "register", "1.1.0")

    refused = decide(browser, registry, "register", "1.1.0", seen=seen)

    assert "Somebody else has decided about retina-oct since this page was loaded" in refused
    assert WaitingRecord.objects.filter(kind="model").count() == 1


def test_a_store_that_is_away_is_told_of_and_nothing_is_decided(
    stores: SharedStores, registry: Registry, browser: Client
) -> None:
    seen = choice_sha256(registry.choice(NAME))
    shutil.rmtree(stores.place.removeprefix("file://"))

    assert "is its volume mounted? What the model servers serve goes on" in browser.get(PAGE).content.decode()
    assert "is its volume mounted?" in str(
        *get_messages(browser.post(DECIDE, {"action": "rollback", "name": NAME, "seen": seen}).wsgi_request)
    )


def test_without_a_shared_store_the_page_says_what_it_is_for(browser: Client) -> None:
    assert "RETINOTE_MODEL_STORE" in browser.get(PAGE).content.decode()
    assert browser.post(DECIDE, {"action": "promote"}).status_code == 403


def test_only_administrators_decide(stores: SharedStores, registry: Registry, db: None) -> None:
    clinician = signed_in(make_user("carl", Role.CLINICIAN))
    fields = {
        "action": "register",
        "name": NAME,
        "version": "1.1.0",
        "seen": choice_sha256(registry.choice(NAME)),
    }

    assert clinician.post(DECIDE, fields).status_code in (302, 403)
    assert Client().post(DECIDE, fields).status_code == 302
    assert registry.choice(NAME).registered == []


def test_decisions_of_the_command_line_are_recorded_once(
    stores: SharedStores, registry: Registry, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with noted(registry, stores, "register", NAME, "1.1.0"):
        registry.note_registered(NAME, "1.1.0")
    stores.objects.write("changes/2026-broken.json", b"{}")
    (name, _) = stores.objects.names("changes/")
    note = stores.objects.read(name)
    assert note

    assert take_in() == 2
    stores.objects.write(name, note.content)  # it could not be deleted the first time
    assert take_in() == 0

    assert stores.objects.names("changes/") == []
    unreadable, registered = sorted(
        WaitingRecord.objects.filter(kind="model"), key=lambda each: each.object_id
    )
    assert unreadable.action == Action.MODEL_UNREADABLE
    assert (registered.action, registered.object_id) == (Action.MODEL_REGISTER, f"{NAME}/1.1.0")
    assert registered.actor.startswith("operator:")
    assert registered.asked.startswith("on ") and " at 20" in registered.asked
    assert registered.after == choice_sha256(registry.choice(NAME))
    assert Intake.objects.count() == 2


def test_a_promotion_without_a_passed_gate_on_the_command_line_is_recorded_once_with_its_reason(
    stores: SharedStores, registry: Registry, browser: Client
) -> None:
    with noted(registry, stores, "promote", NAME, "1.1.0", override="neither of them is trained"):
        registry.note_promoted(NAME, "1.1.0", stores.weights_sha256(NAME, "1.1.0"))

    assert take_in() == 1

    assert [each.reason for each in Override.objects.all()] == ["neither of them is trained"]
    records = list(WaitingRecord.objects.filter(kind="model").order_by("pk"))
    assert [each.action for each in records] == [Action.MODEL_PROMOTE, Action.MODEL_OVERRIDE]
    assert {each.object_id for each in records} == {f"{NAME}/1.1.0"}


def test_a_rollback_on_another_machine_a_moment_ago_is_known_to_whoever_tries_or_predicts_again(
    stores: SharedStores, registry: Registry, settings: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_SERVER = "tests.webapp.rollouts.two_versions.client"
    weights = stores.weights_sha256(NAME, "1.1.0")
    monkeypatch.setitem(WEIGHTS, NEW, weights)
    registry.note_promoted(NAME, "1.1.0", weights)
    with noted(registry, stores, "rollback", NAME, "1.0.0"):
        registry.note_rolled_back(NAME, "1.0.0", stores.weights_sha256(NAME, "1.0.0"))

    with pytest.raises(CommandError, match="No scan's answer is of a withdrawn version"):
        call_command("rollout", "repredict", NAME)
    with pytest.raises(CommandError, match=f"{NEW} was withdrawn"):
        call_command("rollout", "canary", NAME, NEW, "--percent=5", "--web-app-only")


def test_a_server_that_is_silent_counts_no_longer(stores: SharedStores) -> None:
    report(stores, "one", "1.0.0")
    (one,) = servers.read_all(stores.objects)

    assert servers.there([one]) == [one]
    assert servers.there([replace(one, age_s=servers.AWAY_AFTER_S + 1)]) == []
