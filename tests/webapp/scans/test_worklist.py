"""The worklist: its orders, what is unread, search, counting, and what can be corrected."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from tests.images import png_bytes
from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.reviews import reading
from webapp.scans.models import Scan

SCANS = "/api/v1/scans/"


def listed(api: Clients, user: User, query: str) -> list[str]:
    """Ids of all pages in their order."""
    client, found, address = api(user), [], f"{SCANS}?{query}"
    while address:
        page = client.get(address)
        assert page.status_code == 200, page.content
        found += [scan["id"] for scan in page.json()["results"]]
        address = page.json()["next"]
    return found


def keys(*scans: Scan) -> list[str]:
    return [str(scan.pk) for scan in scans]


def test_most_urgent_and_least_certain_first(clinician: User, predicted: Predicted, api: Clients) -> None:
    calm, urgent, doubtful = (
        predicted(clinician, confidence=confidence, rank=rank)
        for confidence, rank in ((0.99, 1), (0.9, 5), (0.4, 2))
    )

    assert listed(api, clinician, "ordering=urgent") == keys(urgent, doubtful, calm)
    assert listed(api, clinician, "ordering=uncertain") == keys(doubtful, urgent, calm)
    assert listed(api, clinician, "") == keys(doubtful, urgent, calm)


def test_many_scans_of_the_same_urgency_come_once_each_over_all_pages(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    scans = [predicted(clinician, rank=rank) for rank in (2, 1, 2, 2, 1, 2, 2)]
    newest_first = list(reversed(scans))

    found = listed(api, clinician, "ordering=urgent&page_size=2")

    assert found == keys(
        *(scan for scan in newest_first if scan.urgency_rank == 2),
        *(scan for scan in newest_first if scan.urgency_rank == 1),
    )


def test_most_disputed_first(
    clinician: User, colleague: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    agreed, disputed, unread = (predicted(clinician) for _ in range(3))
    for scan, verdict in (
        (agreed, {"verdict": "agree"}),
        (disputed, {"verdict": "disagree", "label": "DME"}),
    ):
        reading.record(scan, clinician, "agree")
        reading.record(scan, colleague, **verdict)

    assert listed(api, administrator, "ordering=disputed") == keys(disputed, unread, agreed)


def test_a_hidden_dispute_is_none_in_the_order_of_who_may_not_know_it(
    clinician: User, colleague: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    read, unread, newest = (predicted(clinician) for _ in range(3))
    for scan in (read, unread):
        reading.record(scan, clinician, "agree")
        reading.record(scan, administrator, "disagree", "DME")
    reading.record(read, colleague, "agree")

    for page_size in (1, 2, 3):
        query = f"ordering=disputed&page_size={page_size}"
        assert listed(api, colleague, query) == keys(read, newest, unread)
        assert listed(api, administrator, query) == keys(unread, read, newest)


def test_a_cursor_of_one_order_is_none_of_another(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    for _ in range(2):
        predicted(clinician)
    following = api(clinician).get(f"{SCANS}?ordering=urgent&page_size=1").json()["next"]

    assert api(clinician).get(following).status_code == 200
    assert api(clinician).get(following.replace("urgent", "disputed")).status_code == 404


@pytest.mark.parametrize(
    ("ordering", "order"),
    [("newest", "43210"), ("urgent", "42103"), ("uncertain", "02431"), ("disputed", "14320")],
)
def test_a_list_continues_after_any_of_its_scans_read_or_unread(
    clinician: User, administrator: User, predicted: Predicted, api: Clients, ordering: str, order: str
) -> None:
    # The confidence of the last but one is the same as another's, and so is its urgency.
    confidence_and_rank = ((0.4, 3), (0.9, 1), (0.5, 5), (0.9, 2), (0.8, 5))
    scans = [
        predicted(clinician, confidence=confidence, rank=rank) for confidence, rank in confidence_and_rank
    ]
    reading.record(scans[1], administrator, "agree")
    reading.record(scans[1], clinician, "disagree", "DME")
    expected = keys(*(scans[int(place)] for place in order))
    assert listed(api, clinician, f"ordering={ordering}") == expected

    for place, scan in enumerate(expected):
        query = f"ordering={ordering}&after={scan}&page_size=2"
        assert listed(api, clinician, query) == expected[place + 1 :], place
        unread = [key for key in expected[place + 1 :] if key != str(scans[1].pk)]
        assert listed(api, clinician, f"{query}&unread=true") == unread


def test_a_list_continues_by_de_identified_ids(
    clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    scans = [predicted(clinician) for _ in range(3)]
    known = listed(api, researcher, "")
    assert listed(api, researcher, f"after={known[0]}") == known[1:]
    assert api(researcher).get(f"{SCANS}?after={scans[0].pk}").status_code == 404


def test_no_list_continues_after_a_scan_that_the_user_may_not_see(
    clinician: User, stranger: User, predicted: Predicted, api: Clients
) -> None:
    hidden = predicted(stranger)
    answers = [
        api(clinician).get(f"{SCANS}?after={scan}&ordering={ordering}")
        for scan in (hidden.pk, "0" * 24, "none", "{$gt: 0}")
        for ordering in ("newest", "urgent")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_an_order_that_does_not_exist_is_named(clinician: User, api: Clients) -> None:
    answer = api(clinician).get(f"{SCANS}?ordering=alphabet")
    assert answer.status_code == 400
    assert "newest, urgent, uncertain, disputed" in answer.json()["error"]["fields"]["ordering"][0]


def test_what_one_has_read_oneself_is_no_longer_unread(
    clinician: User, colleague: User, predicted: Predicted, api: Clients
) -> None:
    read, other = predicted(clinician), predicted(clinician)
    reading.record(read, clinician, "agree")

    assert listed(api, clinician, "unread=true") == keys(other)
    assert listed(api, clinician, "unread=false") == keys(read)
    assert listed(api, colleague, "unread=true") == keys(other, read)


def test_search_finds_every_word_in_reference_note_or_label(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    first = predicted(clinician, "CNV", patient_ref="Anna-1", note="after injection")
    second = predicted(clinician, "DME", patient_ref="Anna-2")

    assert listed(api, clinician, "search=anna") == keys(second, first)
    assert listed(api, clinician, "search=anna+cnv") == keys(first)
    assert listed(api, clinician, "search=INJECTION") == keys(first)
    assert listed(api, clinician, "search=.*") == []


def test_researchers_can_not_find_out_references_by_searching(
    clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician, "CNV", patient_ref="Anna-1", note="after injection")

    assert listed(api, researcher, "search=anna") == listed(api, researcher, "search=injection") == []
    assert listed(api, researcher, "search=cnv") == [shown("id", str(scan.pk), researcher)]


def test_the_count_is_that_of_the_list(
    clinician: User, stranger: User, predicted: Predicted, api: Clients
) -> None:
    for label in ("CNV", "CNV", "DME"):
        predicted(clinician, label)
    predicted(stranger)

    assert api(clinician).get(f"{SCANS}count/").json() == {"count": 3}
    assert api(clinician).get(f"{SCANS}count/?prediction=CNV").json() == {"count": 2}


def test_the_uploader_corrects_what_was_said_of_a_scan(
    clinician: User, colleague: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician, patient_ref="P-1")
    path = f"{SCANS}{scan.pk}/"

    changed = api(clinician).patch(path, {"patient_ref": "P-2", "micrometres_x": 11, "micrometres_y": 4})
    assert (changed.status_code, changed.json()["patient_ref"], changed.json()["micrometres_x"]) == (
        200,
        "P-2",
        11,
    )
    assert api(clinician).patch(path, {"micrometres_x": 11}).status_code == 400
    assert api(clinician).patch(path, {"eye": "left"}).status_code == 400
    assert api(colleague).patch(path, {"note": "mine"}).status_code == 403
    assert Scan.objects.get().note == ""


def test_an_uploads_own_scale_is_kept_unless_another_is_given(
    away: None, clinician: User, upload: Callable[..., object], api: Clients
) -> None:
    upload(clinician, micrometres_x="11.5", micrometres_y="3.9")
    scan = Scan.objects.get()
    assert (scan.micrometres_x, scan.micrometres_y) == (11.5, 3.9)


def test_a_thumbnail_is_small_and_only_for_who_may_see_the_scan(
    clinician: User, stranger: User, predicted: Predicted, api: Clients
) -> None:
    path = f"{SCANS}{predicted(clinician).pk}/thumbnail/"

    answer = api(clinician).get(path)

    picture = Image.open(BytesIO(answer.content))
    assert picture.format == "JPEG" and picture.height <= 128
    assert len(answer.content) < len(png_bytes()) / 4
    assert api(clinician).get(path, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    assert api(stranger).get(path).status_code == 404


def test_the_options_name_the_labels_and_urgencies(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    assert api(clinician).get("/api/v1/options/").json()["labels"] == []
    predicted(clinician)
    options = api(clinician).get("/api/v1/options/").json()
    assert set(options["labels"]) == {"CNV", "DME", "NORMAL"}
    assert any("rgent" in urgency for urgency in options["urgencies"])


@pytest.mark.parametrize("query", ["unread=perhaps", "status=lost"])
def test_a_filter_that_makes_no_sense_is_named(clinician: User, api: Clients, query: str) -> None:
    answer = api(clinician).get(f"{SCANS}count/?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]["fields"]
