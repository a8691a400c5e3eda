"""The order "most useful next": what it follows from, and that it tells nobody what is hidden from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.webapp.conftest import Clients
from tests.webapp.learning.conftest import Read, say
from tests.webapp.scans.test_worklist import listed
from webapp.accounts.models import User
from webapp.learning import tasks
from webapp.learning.usefulness import Answers, in_order, scores
from webapp.reviews.reading import settle
from webapp.rollouts.models import ShadowAnswer
from webapp.scans.models import Prediction, Scan
from webapp.versions.models import Kind, Rollout

SURE = {"CNV": 0.98, "DME": 0.01, "NORMAL": 0.01}
TORN = {"CNV": 0.5, "DME": 0.49, "NORMAL": 0.01}
LOST = {"CNV": 0.34, "DME": 0.33, "NORMAL": 0.33}
BY_USE = "ordering=useful"


def answers(*probabilities: dict[str, float], **fields: Any) -> Answers:
    count = len(probabilities)
    values: dict[str, Any] = {
        "set_sizes": np.ones(count, dtype=np.int64),
        "familiarity": np.full(count, np.nan),
        "disagreement": np.zeros(count),
        "patients": np.arange(count),
    }
    made = np.array([list(each.values()) for each in probabilities])
    return Answers(
        probabilities=made, **{name: np.asarray(value) for name, value in (values | fields).items()}
    )


def test_doubt_strangeness_and_disagreement_make_a_scan_useful() -> None:
    assert list(np.argsort(-scores(answers(SURE, LOST, TORN)))) == [1, 2, 0]
    for fields in ({"set_sizes": [1, 3]}, {"familiarity": [0.9, 0.1]}, {"disagreement": [0.0, 0.7]}):
        first, second = scores(answers(TORN, TORN, **fields))
        assert second > first
    # What is not known of a scan counts neither for nor against it.
    known, unknown = scores(answers(TORN, TORN, familiarity=[1.0, np.nan]))
    assert known == unknown


def test_scans_of_a_batch_differ() -> None:
    between_others = {"CNV": 0.02, "DME": 0.3, "NORMAL": 0.68}
    like = answers(TORN, TORN, TORN, between_others)
    assert list(in_order(like)) == [0, 3, 1, 2] and list(in_order(like, batch=1)) == [0, 1, 2, 3]
    # Of one patient, scans are alike whatever is said of them.
    of_one = answers(TORN, between_others, {"CNV": 0.3, "DME": 0.02, "NORMAL": 0.68}, patients=[1, 1, 2])
    assert list(in_order(of_one)) == [0, 2, 1]
    assert sorted(in_order(answers(*[TORN] * 70))) == list(range(70))


@pytest.fixture
def scans(read: Read) -> dict[str, Scan]:
    """Nobody has read them."""
    return {
        name: read(seed, probabilities=probabilities, **fields)
        for seed, (name, probabilities, fields) in enumerate(
            [
                ("sure", SURE, {}),
                ("lost", LOST, {"prediction_set": ["CNV", "DME", "NORMAL"]}),
                ("torn", TORN, {"prediction_set": ["CNV", "DME"]}),
                ("strange", SURE, {"familiarity": 0.01}),
            ]
        )
    }


def named(scans: dict[str, Scan], found: list[str]) -> list[str]:
    names = {str(scan.pk): name for name, scan in scans.items()}
    return [names[key] for key in found]


def test_the_queue_of_each_reader_begins_with_what_teaches_most(
    scans: dict[str, Scan], readers: list[User], api: Clients
) -> None:
    assert named(scans, listed(api, readers[0], BY_USE)) == ["strange", "torn", "lost", "sure"], (
        "newest first"
    )
    assert tasks.put_in_order() == 4 and tasks.put_in_order() == 0
    assert named(scans, listed(api, readers[0], BY_USE)) == ["lost", "torn", "strange", "sure"]
    say(scans["lost"], readers[0], "CNV")
    assert named(scans, listed(api, readers[0], BY_USE)) == ["torn", "strange", "sure", "lost"]
    assert named(scans, listed(api, readers[1], BY_USE)) == ["lost", "torn", "strange", "sure"]
    assert listed(api, readers[1], f"{BY_USE}&page_size=1") == listed(api, readers[1], BY_USE)


def test_versions_that_answer_otherwise_make_a_scan_useful(
    scans: dict[str, Scan], readers: list[User], api: Clients
) -> None:
    for name, given in (("sure", LOST), ("strange", SURE)):
        Prediction.objects.create(
            scan=scans[name],
            weights_sha256="cd" * 32,
            probabilities=given,
            predicted_at=scans[name].predicted_at,
        )
    tasks.put_in_order()
    before = named(scans, listed(api, readers[0], BY_USE))
    assert before.index("sure") < before.index("strange")
    rollout = Rollout.objects.create(kind=Kind.SHADOW, model_name="retina-oct", percent=100)
    ShadowAnswer.objects.create(
        rollout=rollout, scan=scans["strange"], probabilities={"CNV": 0.0, "DME": 0.0, "NORMAL": 1.0}
    )
    tasks.put_in_order()
    after = named(scans, listed(api, readers[0], BY_USE))
    assert after.index("strange") < after.index("sure")


def test_the_order_tells_nothing_of_readings_to_those_who_may_not_know_them(
    scans: dict[str, Scan], readers: list[User], researcher: User, administrator: User, api: Clients
) -> None:
    tasks.put_in_order()
    before = listed(api, readers[0], BY_USE)
    say(scans["sure"], readers[1], "CNV")
    say(scans["sure"], readers[2], "DME")
    settle(scans["lost"], administrator, "CNV")
    assert tasks.put_in_order() == 0
    assert listed(api, readers[0], BY_USE) == before
    # Who may know all readings gets what they dispute first, and what is settled last.
    assert named(scans, listed(api, administrator, BY_USE)) == ["sure", "torn", "strange", "lost"]
    assert api(researcher).get(f"/api/v1/scans/?{BY_USE}").json()["results"][0]["id"] != ""


def test_a_blind_reader_gets_another_order(scans: dict[str, Scan], readers: list[User], api: Clients) -> None:
    tasks.put_in_order()
    User.objects.filter(pk=readers[0].pk).update(reads_blind=True)
    refused = api(User.objects.get(pk=readers[0].pk)).get(f"/api/v1/scans/?{BY_USE}")
    assert refused.status_code == 400 and "read blind" in refused.json()["error"]["message"]
    # Who sees by answers which scans are useful has learnt something of all answers.
    listed(api, readers[1], BY_USE)
    assert not api(readers[1]).get(f"/api/v1/scans/{scans['sure'].pk}/reading/").json()["would_be_blind"]


def test_without_answers_there_is_nothing_to_order(db: None) -> None:
    assert tasks.put_in_order() == 0


def test_scans_of_two_modalities_are_put_in_order_each_by_its_own_labels(
    scans: dict[str, Scan], read: Read, readers: list[User], settings: Any, api: Clients
) -> None:
    settings.MODELS = []
    tasks.put_in_order()
    before = [scan.useful for scan in Scan.objects.order_by("pk")]
    chest = {"modality": "chest-xray", "model_name": "chest-xray"}
    read(20, probabilities={"NORMAL": 0.5, "PNEUMONIA": 0.5}, **chest)
    read(21, probabilities={"NORMAL": 0.99, "PNEUMONIA": 0.01}, **chest)

    assert tasks.put_in_order() == 2

    *eyes, torn, sure = [scan.useful for scan in Scan.objects.order_by("pk")]
    assert eyes == before and torn > sure
