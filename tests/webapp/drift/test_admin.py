"""The administration's page of drift: what it shows, and its buttons."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.webapp.audit.conftest import NewRecords
from tests.webapp.conftest import signed_in
from tests.webapp.drift.conftest import Answered, stream
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.drift.models import Against, DriftAlarm
from webapp.drift.sizes import BLOCK, EARLIER
from webapp.drift.tasks import watch
from webapp.drift.telling import NO_STREAM
from webapp.metrics.exposition import web_metrics

LIST = "/admin/drift/driftstream/"


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def press(browser: Client, alarm: DriftAlarm, **form: str) -> str:
    answer = browser.post(f"{LIST}{alarm.stream_id}/acknowledge/{alarm.pk}/", form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def unseen(against: Against) -> bool:
    return f'retinote_drift_unacknowledged_alarms{{against="{against.value}"}} 1.0' in web_metrics().decode()


@pytest.fixture
def alarm(answered: Answered) -> DriftAlarm:
    """Of a stream whose scans have become brighter."""
    answered(EARLIER + BLOCK)
    answered(BLOCK, brighter=60)
    assert watch() == 1
    return DriftAlarm.objects.get()


def test_without_a_scan_the_page_says_so(db: None, browser: Client) -> None:
    assert NO_STREAM.split(":")[0] in page(browser, LIST)


def test_what_differs_is_shown_with_plots(alarm: DriftAlarm, browser: Client) -> None:
    listed = page(browser, LIST)
    assert "east, Heidelberg Spectralis" in listed and "DIFFERS from earlier scans since" in listed
    shown = page(browser, f"{LIST}{alarm.stream_id}/change/")
    assert "differ from earlier ones (brightness)" in shown
    assert "Accuracy to be expected by calibrated confidence: now" in shown and "at home" in shown
    assert shown.count("<svg role=") >= 7 and "answered 50" in shown
    assert unseen(Against.BEFORE)


def test_an_alarm_is_acknowledged_once_and_lasts(
    alarm: DriftAlarm, browser: Client, answered: Answered, new_records: NewRecords
) -> None:
    new_records()
    assert "Acknowledged. The alarm ends by itself" in press(browser, alarm)
    assert not unseen(Against.BEFORE)
    assert "has acknowledged it already" in press(browser, alarm)
    (record,) = (one for one in new_records() if one.action.startswith("drift."))
    assert (record.action, record.actor_name, record.object_id) == (
        Action.DRIFT_ACKNOWLEDGE,
        "anna",
        str(alarm.pk),
    )
    answered(BLOCK, brighter=60)
    assert watch() == 0, "it is the same difference"
    answered(2 * BLOCK)
    watch()
    assert "has ended by itself" in press(browser, alarm)


def test_what_is_accepted_is_the_measure_from_then_on(
    alarm: DriftAlarm, browser: Client, answered: Answered
) -> None:
    answered(3 * BLOCK, brighter=60)
    watch()
    assert "the scans since the change are what later ones are compared with" in press(
        browser, alarm, accept="1"
    )
    alarm.refresh_from_db()
    assert alarm.accepted and not alarm.live
    assert watch() == 0
    assert (stream().earlier_scans, stream().earlier_from) == (4 * BLOCK, alarm.since)
    answered(BLOCK, brighter=60)
    assert watch() == 0
    answered(BLOCK)
    assert watch() == 1, "now it is the other way round"


def test_strangers_that_are_accepted_are_no_longer_compared_with_home(
    answered: Answered, browser: Client
) -> None:
    answered(BLOCK, stranger=0.9)
    watch()
    alarm = DriftAlarm.objects.get()
    assert unseen(Against.HOME)
    assert "no longer compared with the model&#x27;s home scans" in press(browser, alarm, accept="1")
    answered(2 * BLOCK, stranger=0.9)
    assert watch() == 0


def test_only_administrators_look_and_press(alarm: DriftAlarm, clinician: User, researcher: User) -> None:
    for user in (clinician, researcher):
        outside = signed_in(user)
        for address in (LIST, f"{LIST}{alarm.stream_id}/change/"):
            assert outside.get(address).status_code == 302
        outside.post(f"{LIST}{alarm.stream_id}/acknowledge/{alarm.pk}/")
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None


def test_addresses_of_nothing_are_404(alarm: DriftAlarm, browser: Client) -> None:
    other = "0" * 24
    assert browser.get(f"{LIST}{alarm.stream_id}/acknowledge/{alarm.pk}/").status_code == 405
    for path in (f"{alarm.stream_id}/acknowledge/{other}/", f"{other}/acknowledge/{alarm.pk}/"):
        assert browser.post(f"{LIST}{path}").status_code == 404
    assert browser.get(f"{LIST}{other}/change/").status_code == 404
