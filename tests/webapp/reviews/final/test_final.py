"""The final reading: which label it has, from whom, and whether it is verified."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.webapp.conftest import Clients
from tests.webapp.report_text import report_text
from tests.webapp.reviews.final.conftest import NONE, PROMPT, SCANS, final_reading_of
from webapp.accounts.models import User
from webapp.recommendations.rules import REVIEW_REQUIRED, SETTLE_ACTION, recommend_reading
from webapp.reviews import reading
from webapp.scans.models import Scan

SETTINGS = Path(__file__).parents[4] / "webapp" / "settings.py"


def test_without_a_reading_there_is_none(scan: Scan, clinician: User, api: Clients) -> None:
    assert final_reading_of(api, clinician, scan) is None
    reading.record(scan, clinician, "unsure")
    assert final_reading_of(api, clinician, scan) is None


def test_a_reader_who_disagrees_leads_and_is_not_verified(scan: Scan, clinician: User, api: Clients) -> None:
    reading.record(scan, clinician, "disagree", "DME")

    found = final_reading_of(api, clinician, scan)

    assert found is not None
    assert (found["label"], found["by"], found["readers"], found["verified"]) == ("DME", "readers", 1, False)
    assert "named by 1 reader, not verified" in found["source"]
    assert found["recommendation"]["urgency"] == PROMPT
    assert not [reason for reason in found["recommendation"]["reasons"] if "CNV" in reason]
    # What the model said stays where it was.
    said = api(clinician).get(f"{SCANS}{scan.pk}/").json()
    assert (said["prediction"], said["confidence"]) == ("CNV", 0.8)
    assert said["recommendation"]["urgency"] == "urgent referral"


@pytest.mark.parametrize(("wanted", "verified"), [(0, False), (1, True), (2, True), (3, False)])
def test_as_many_readers_as_the_setting_wants_verify(
    scan: Scan,
    clinician: User,
    colleague: User,
    api: Clients,
    settings: Any,
    wanted: int,
    verified: bool,
) -> None:
    settings.VERIFYING_READERS = wanted
    for reader in (clinician, colleague):
        reading.record(scan, reader, "disagree", "DME")
    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert (found["readers"], found["independent"], found["verified"]) == (2, 2, verified)
    reading.settle(scan, colleague, "DME")
    found = final_reading_of(api, clinician, scan)
    assert found is not None and found["by"] == "adjudicator" and found["verified"]


def test_who_names_it_after_a_look_at_others_verifies_nothing(
    scan: Scan, clinician: User, administrator: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    api(administrator).get(f"{SCANS}{scan.pk}/reading/")
    reading.record(scan, administrator, "disagree", "DME")
    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert (found["readers"], found["independent"], found["verified"]) == (2, 1, False)


def test_who_takes_a_label_back_or_was_unsure_verifies_it_no_more(
    scan: Scan, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    for reader in (clinician, colleague):
        reading.record(scan, reader, "disagree", "DME")
    api(colleague).get(f"{SCANS}{scan.pk}/reading/")
    reading.record(scan, colleague, "unsure")
    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["readers"], found["independent"]) == ("DME", 1, 1)


def test_the_reading_of_a_doubtful_picture_says_so_and_leads(
    scan: Scan, clinician: User, api: Clients
) -> None:
    doubt = "The image shows no horizontal layers."
    Scan.objects.filter(pk=scan.pk).update(quality={"acceptable": False, "reasons": [doubt]})
    reading.record(scan, clinician, "disagree", "DME")

    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert found["recommendation"]["urgency"] == PROMPT
    assert f"The picture is doubtful: {doubt}" in found["recommendation"]["reasons"]
    said = report_text(api, clinician, scan)
    assert f"The picture is doubtful: {doubt}" in said[: said.index("What the model says")]


def test_readers_who_differ_are_to_be_settled_and_as_urgent_as_the_worst(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "NORMAL")
    reading.record(scan, colleague, "disagree", "DME")
    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["labels"], found["by"]) == (None, ["DME", "NORMAL"], "disputed")
    assert found["recommendation"]["urgency"] == REVIEW_REQUIRED
    assert found["urgency_rank"] == recommend_reading("retina-oct", ["DME"], "").rank
    # Clinicians have read it: another one who only reads it settles nothing.
    assert found["recommendation"]["action"] == SETTLE_ACTION

    reading.settle(scan, colleague, "NORMAL")
    found = final_reading_of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["recommendation"]["urgency"]) == ("NORMAL", NONE)
    assert found["source"] == "settled by an adjudicator"


def test_a_verdict_after_the_settling_does_not_unsettle(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "agree")
    reading.settle(scan, colleague, "NORMAL")
    reading.record(scan, colleague, "disagree", "DME")
    found = final_reading_of(api, clinician, scan)
    assert found is not None and found["label"] == "NORMAL"


def test_a_label_without_a_step_needs_a_clinician(scan: Scan, clinician: User, api: Clients) -> None:
    Scan.objects.filter(pk=scan.pk).update(probabilities={"CNV": 0.8, "ODD": 0.2})
    reading.record(scan, clinician, "disagree", "ODD")
    found = final_reading_of(api, clinician, scan)
    assert found is not None and found["recommendation"]["urgency"] == REVIEW_REQUIRED
    assert "There is no recommendation for ODD." in found["recommendation"]["reasons"]


def test_how_many_readers_verify_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETINOTE_VERIFYING_READERS", raising=False)
    assert runpy.run_path(str(SETTINGS))["VERIFYING_READERS"] == 2
    for given in ("0", "3"):
        monkeypatch.setenv("RETINOTE_VERIFYING_READERS", given)
        assert runpy.run_path(str(SETTINGS))["VERIFYING_READERS"] == int(given)
    monkeypatch.setenv("RETINOTE_VERIFYING_READERS", "21")
    with pytest.raises(ImproperlyConfigured, match="RETINOTE_VERIFYING_READERS .* from 0 to 20"):
        runpy.run_path(str(SETTINGS))
