"""Drafts: what somebody draws is theirs alone until their verdict."""

from __future__ import annotations

import pytest
from reportlab import rl_config

from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.core import clock
from webapp.reviews import reading
from webapp.scans.models import Scan

SCANS = "/api/v1/scans/"
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}


@pytest.fixture
def draft(clinician: User, colleague: User, administrator: User, predicted: Predicted) -> Annotation:
    """What the clinician drew without a verdict on a scan that two others have read, one of whom drew, too."""
    scan = predicted(clinician)
    for reader in (colleague, administrator):
        reading.record(scan, reader, "agree")
    Annotation.objects.create(scan=scan, author=administrator, selector=BOX, label="CNV")
    return Annotation.objects.create(
        scan=scan, author=clinician, selector=BOX, label="CNV", comment="perhaps"
    )


@pytest.fixture
def others(colleague: User, administrator: User, researcher: User) -> list[User]:
    """All to whom the readings of the scan are open."""
    adjudicator = User.objects.create(username="ada", role="clinician", clinic="east", is_adjudicator=True)
    return [colleague, adjudicator, administrator, researcher]


def drawings_shown_to(api: Clients, user: User, scan: Scan) -> list[bytes]:
    """All that the user is told of drawings: by the scan's own addresses, the history and exports."""
    client, below = api(user), f"{SCANS}{shown('id', str(scan.pk), user)}/"
    answers = [client.get(f"{below}{name}/") for name in ("annotations", "reading", "report")]
    answers.append(client.get("/api/v1/history/"))
    answers += [client.post("/api/v1/exports/", {"format": name}) for name in ("csv", "coco", "w3c")]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.getvalue() for answer in answers]


def test_nobody_is_told_of_a_draft_or_of_a_change_in_it(
    draft: Annotation, others: list[User], api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)  # which reports name
    monkeypatch.setattr(rl_config, "invariant", 1)
    before = [drawings_shown_to(api, user, draft.scan) for user in others]
    Annotation.objects.filter(pk=draft.pk).update(comment="certainly", label="DME")
    changed = [drawings_shown_to(api, user, draft.scan) for user in others]
    Annotation.objects.filter(pk=draft.pk).delete()
    assert before == changed == [drawings_shown_to(api, user, draft.scan) for user in others]


def test_the_author_goes_on_with_it_and_the_verdict_opens_it(
    draft: Annotation, clinician: User, others: list[User], api: Clients
) -> None:
    def seen(user: User) -> tuple[int, int]:
        """How many shapes, and how many pairs of readers' areas, the user sees."""
        below = f"{SCANS}{shown('id', str(draft.scan_id), user)}/"
        shapes, compared = (api(user).get(f"{below}{name}/").json() for name in ("annotations", "reading"))
        return len(shapes), len(compared["dice"])

    assert seen(clinician) == (1, 0)
    assert [seen(user) for user in others] == [(1, 0)] * len(others)
    reading.record(draft.scan, clinician, "agree")
    assert [seen(user) for user in (clinician, *others)] == [(2, 1)] * (1 + len(others))


def test_an_administrator_clears_up_a_draft_by_its_id_and_nobody_else_comes_to_it(
    draft: Annotation, others: list[User], administrator: User, api: Clients
) -> None:
    for user in others:
        path = f"/api/v1/annotations/{shown('id', str(draft.pk), user)}/"
        assert api(user).get(path).status_code == (200 if user == administrator else 404), user
    assert api(administrator).delete(f"/api/v1/annotations/{draft.pk}/").status_code == 204
