"""The dashboard: what it counts, of what, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import Clients, Predicted
from tests.webapp.x_rays import as_x_ray
from webapp.accounts.models import User
from webapp.dashboard import counted, intervals
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans.models import Scan, Status

DASHBOARD = "/api/v1/dashboard/"


def shown(api: Clients, user: User, **query: Any) -> dict[str, Any]:
    answer = api(user).get(DASHBOARD, query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_scans_labels_queue_and_latency(clinician: User, predicted: Predicted, api: Clients) -> None:
    scans = [predicted(clinician, label) for label in ("CNV", "CNV", "DME", "NORMAL")]
    Scan.objects.filter(pk=scans[0].pk).update(
        timestamp=scans[0].timestamp - timedelta(days=2), waited_ms=1000
    )
    Scan.objects.filter(pk=scans[3].pk).update(status=Status.QUEUED, waited_ms=None)

    found = shown(api, clinician, days=7)

    assert [day["count"] for day in found["scans_per_day"]] == [0, 0, 0, 0, 1, 0, 3]
    assert found["labels"] == [
        {"modality": "oct", "label": "CNV", "count": 2, "doubtful": 0},
        {"modality": "oct", "label": "DME", "count": 1, "doubtful": 0},
    ]
    assert (found["queue"]["queued"], found["queue"]["predicted"], found["queue"]["failed"]) == (1, 3, 0)
    assert found["queue"]["oldest_queued"] is not None
    assert found["latency_ms"] == {"median": 250, "percentile_95": 1000, "scans": 3}


def test_what_is_older_than_asked_for_does_not_count(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician)
    Scan.objects.update(timestamp=scan.timestamp - timedelta(days=40))

    assert sum(day["count"] for day in shown(api, clinician)["scans_per_day"]) == 0
    assert sum(day["count"] for day in shown(api, clinician, days=60)["scans_per_day"]) == 1


def test_readers_agree_with_the_model_and_with_each_other(
    clinician: User,
    colleague: User,
    administrator: User,
    predicted: Predicted,
    api: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for label, said in (("CNV", "CNV"), ("CNV", "DME"), ("DME", "DME"), ("NORMAL", "NORMAL")):
        scan = predicted(clinician, label)
        reading.record(scan, clinician, "agree")
        verdict = {"verdict": "agree"} if said == label else {"verdict": "disagree", "label": said}
        reading.record(scan, colleague, **verdict)

    few = shown(api, administrator)
    monkeypatch.setattr(intervals, "LEAST_SCANS", 2)
    found = shown(api, administrator)

    cnv = next(line for line in found["verdicts"] if line["label"] == "CNV")
    assert (cnv["model_version"], cnv["agree"], cnv["disagree"], cnv["unsure"]) == ("1.0.0", 3, 1, 0)
    assert cnv["agreement"]["value"] == 0.75
    # Wilson's of 1.5 in 2: what two say of a scan is one case.
    assert cnv["scans"] == 2 and cnv["agreement"]["low"] == pytest.approx(0.1979, abs=0.0001)
    assert [line["agreement"] for line in found["verdicts"] if line["scans"] < 2] == [None, None]
    by_pair = {frozenset(line["readers"]): line for line in found["cohen"]}
    assert by_pair[frozenset({"clara", "model 1.0.0"})]["kappa"] == 1
    both = by_pair[frozenset({"clara", "colin"})]
    # 3 of 4 observed; by chance 2/4*1/4 + 1/4*2/4 + 1/4*1/4.
    assert both["scans"] == 4 and both["kappa"] == pytest.approx((0.75 - 0.3125) / (1 - 0.3125))
    (fleiss,) = found["fleiss"]
    assert (fleiss["readers_per_scan"], fleiss["scans"]) == (2, 4)
    for line in (both, fleiss):
        assert line["interval"]["low"] < line["kappa"] < line["interval"]["high"] <= 1
    # Of fewer scans than the least there are counts alone.
    assert few["least_scans"] == 20 and len(few["verdicts"]) == len(found["verdicts"])
    assert [line["agreement"] for line in few["verdicts"]] == [None] * len(few["verdicts"])
    assert [line["scans"] for line in few["cohen"]] == [line["scans"] for line in found["cohen"]]
    for line in (*few["cohen"], *few["fleiss"]):
        assert (line["kappa"], line["interval"]) == (None, None)


def test_a_clinicians_dashboard_leaves_out_readings_that_are_not_open_to_them(
    clinician: User, colleague: User, stranger: User, predicted: Predicted, api: Clients
) -> None:
    reading.record(predicted(clinician), clinician, "agree")

    assert shown(api, colleague)["verdicts"] == []
    assert shown(api, stranger)["queue"]["predicted"] == 0
    assert shown(api, clinician)["verdicts"][0]["agree"] == 1


def test_researchers_see_no_names(
    clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    reading.record(predicted(clinician), clinician, "agree")

    (pair,) = shown(api, researcher)["cohen"]

    assert "clara" not in str(pair) and any(name.startswith("reader-") for name in pair["readers"])


def test_in_de_identified_data_nothing_depends_on_days(
    clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    reading.record(predicted(clinician), clinician, "agree")
    predicted(clinician)
    Scan.objects.update(timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    Scan.objects.filter(readers=[]).update(status=Status.QUEUED)

    found = shown(api, researcher, days=1)

    assert (found["scans_per_day"], found["queue"]["oldest_queued"]) == ([], None)
    assert (
        found["labels"] == [{"modality": "oct", "label": "CNV", "count": 1, "doubtful": 0}]
        and found["verdicts"][0]["agree"] == 1
    )
    assert found | {"days": 0} == shown(api, researcher, days=366) | {"days": 0}
    assert shown(api, clinician, days=1)["labels"] == []


@pytest.mark.parametrize("days", ["0", "367", "many"])
def test_a_span_that_makes_no_sense_is_named(clinician: User, api: Clients, days: str) -> None:
    answer = api(clinician).get(DASHBOARD, {"days": days})
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"days"}


def test_nobody_looks_without_signing_in(db: None, api: Clients) -> None:
    assert api(None).get(DASHBOARD).status_code == 401


def test_each_modality_is_counted_apart(
    clinician: User, colleague: User, predicted: Predicted, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "LEAST_SCANS", 1)
    eyes = [predicted(clinician, "NORMAL"), predicted(clinician, "NORMAL")]
    chests = [as_x_ray(predicted(clinician), label) for label in ("NORMAL", "PNEUMONIA")]
    for scan in (*eyes, *chests):
        for reader in (clinician, colleague):
            reading.record(scan, reader, "agree")

    found = shown(api, clinician)

    assert {(line["modality"], line["label"]): line["count"] for line in found["labels"]} == {
        ("oct", "NORMAL"): 2,
        ("chest-xray", "NORMAL"): 1,
        ("chest-xray", "PNEUMONIA"): 1,
    }
    assert {(line["modality"], line["label"]): line["agree"] for line in found["verdicts"]} == {
        ("oct", "NORMAL"): 4,
        ("chest-xray", "NORMAL"): 2,
        ("chest-xray", "PNEUMONIA"): 2,
    }
    # Of eyes alone, all of which are normal, kappa is not defined; chests must not lend it a sense.
    fleiss = {line["modality"]: (line["scans"], line["kappa"]) for line in found["fleiss"]}
    assert fleiss == {"oct": (2, None), "chest-xray": (2, 1)}
    assert {line["modality"] for line in found["cohen"]} == {"oct", "chest-xray"}
    assert [line["modality"] for line in found["states_per_modality"]] == ["chest-xray", "oct"]


def readings_asked_for(api: Clients, user: User, **query: Any) -> list[str]:
    """What the dashboard asks the database for of readings and adjudications."""
    with CaptureQueriesContext(connection) as asked:
        shown(api, user, **query)
    return [query["sql"] for query in asked if "reviews_" in query["sql"].partition("(")[0]]


def test_a_clinicians_dashboard_asks_for_the_readings_of_their_own_scans_alone(
    clinician: User, colleague: User, stranger: User, predicted: Predicted, api: Clients
) -> None:
    own = predicted(clinician)
    reading.record(own, clinician, label="DME")
    for reader in (colleague, stranger):
        reading.record(predicted(reader), reader, label="DME")

    asked = readings_asked_for(api, clinician)

    assert asked and all(str(own.pk) in sql or str(clinician.pk) in sql for sql in asked)
    assert shown(api, clinician)["verdicts"][0]["disagree"] == 1


def test_whoever_sees_all_readings_asks_for_those_of_the_span_alone(
    clinician: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    recent, old = predicted(clinician), predicted(clinician)
    for scan in (recent, old):
        reading.record(scan, clinician, label="DME")
        reading.settle(scan, administrator, "DME")
    Review.objects.filter(scan=old).update(created=old.timestamp - timedelta(days=3))

    asked = readings_asked_for(api, administrator, days=1)

    assert asked and all("$gte" in sql or str(recent.pk) in sql for sql in asked)
    assert not [sql for sql in asked if str(old.pk) in sql]
    assert shown(api, administrator, days=1)["automation_bias"]["all"]["model_wrong"]["differed"] == 1
    assert shown(api, administrator, days=9)["automation_bias"]["all"]["model_wrong"]["differed"] == 2


def test_readings_of_more_scans_than_one_query_names_are_all_counted(
    clinician: User,
    colleague: User,
    administrator: User,
    predicted: Predicted,
    api: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        scan = predicted(clinician)
        for reader in (clinician, colleague):
            reading.record(scan, reader, label="DME")
        reading.settle(scan, administrator, "DME")
    at_once = shown(api, administrator)

    monkeypatch.setattr(counted, "AT_ONCE", 2)

    assert shown(api, administrator) == at_once
    assert at_once["verdicts"][0]["disagree"] == 6
    assert at_once["automation_bias"]["all"]["model_wrong"]["differed"] == 6


def test_the_dashboard_may_be_of_one_modality(clinician: User, predicted: Predicted, api: Clients) -> None:
    predicted(clinician)
    reading.record(as_x_ray(predicted(clinician)), clinician, "agree")

    found = shown(api, clinician, modality="chest-xray")

    assert [line["label"] for line in found["labels"]] == ["PNEUMONIA"]
    assert sum(day["count"] for day in found["scans_per_day"]) == 1
    assert [line["modality"] for line in found["verdicts"]] == ["chest-xray"]
    assert found["queue"]["predicted"] == 1
    refused = api(clinician).get(DASHBOARD, {"modality": "brain"})
    assert refused.status_code == 400
    assert "There are: oct" in refused.json()["error"]["fields"]["modality"][0]


def test_scans_that_the_version_before_stored_beside_this_one_are_counted(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    """It knows of no modality, so that its documents have none."""
    scans = [predicted(clinician) for _ in range(3)]
    collection = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    assert collection.update_one({"_id": scans[0].pk}, {"$unset": {"modality": ""}}).modified_count == 1

    for query in ({}, {"modality": "oct"}):
        found = shown(api, clinician, **query)
        assert found["labels"] == [{"modality": "oct", "label": "CNV", "count": 3, "doubtful": 0}]
        assert [line["answered"] + line["unknown"] for line in found["states_per_modality"]] == [3]
        assert found["queue"]["predicted"] == 3
