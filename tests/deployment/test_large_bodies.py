"""Large bodies of direct calls take turns, by key, and nobody gets around that."""

from __future__ import annotations

import http.client
import json
import select
import ssl
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.deployment.nginx import GOOD, IN_CANARY, NEEDS_NGINX, SENDS_MUCH, Gateway

pytestmark = NEEDS_NGINX

MANY = 60
"""Large bodies at once: up to 30 of a key may wait, and two a second pass."""


@pytest.mark.parametrize("said", [{"Content-Length": "4000000"}, {"Transfer-Encoding": "chunked"}])
def test_large_bodies_of_a_key_take_turns(gateway: Gateway, said: dict[str, str]) -> None:
    """Where too many wait, one is refused before its body is sent; whatever else is asked is answered."""
    with ExitStack() as open_ones:
        begun = [
            open_ones.enter_context(gateway.begin(Authorization=SENDS_MUCH, **said)) for _ in range(MANY)
        ]
        heard, _, _ = select.select(begun, [], [], 20)
        refusal = http.client.HTTPResponse(heard[0])
        refusal.begin()

        assert refusal.status == 429
        assert int(refusal.headers["Retry-After"]) > 0
        assert json.load(refusal)["error"]["code"] == "too_many_requests"
        assert json.load(gateway.infer(Authorization=SENDS_MUCH))["port"] == gateway.model_server
        other = gateway.ask(
            "/inference/retina-oct",
            method="POST",
            body=bytes(4_000_000),
            headers={"Authorization": IN_CANARY},
        )
        assert json.load(other)["length"] == 4_000_000


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda n: {"Authorization": SENDS_MUCH, "X-Api-Key": f"other-{n}"}, id="with another"),
        pytest.param(lambda n: {"Authorization": "bEaReR " + n * " " + "some-key"}, id="with spaces"),
        pytest.param(lambda n: {"Authorization": "Bearer some-key" + n * "\xa0"}, id="with odd spaces"),
        pytest.param(lambda n: {"Authorization": f"Basic {n}", "X-Api-Key": "some-key"}, id="other header"),
    ],
)
def test_a_key_has_one_count_however_it_is_sent(
    gateway: Gateway, written: Callable[[int], dict[str, str]]
) -> None:
    large = {"Content-Length": "4000000"}
    with ExitStack() as open_ones:
        begun = [open_ones.enter_context(gateway.begin(**written(n), **large)) for n in range(MANY)]
        assert 429 in statuses_until(429, begun)


def test_a_body_of_unsaid_length_counts_as_the_largest(gateway: Gateway) -> None:
    with ExitStack() as open_ones:
        begun = [open_ones.enter_context(gateway.begin(Authorization=SENDS_MUCH)) for _ in range(MANY)]
        assert 429 in statuses_until(429, begun)


def statuses_until(wanted: int, begun: list[ssl.SSLSocket]) -> list[int]:
    """The statuses of those that are answered, until one has the wanted one or no further one comes."""
    statuses: list[int] = []
    left = list(begun)
    while wanted not in statuses and (heard := select.select(left, [], [], 20)[0]):
        for each in heard:
            answer = http.client.HTTPResponse(each)
            answer.begin()
            statuses.append(answer.status)
            left.remove(each)
    return statuses


def test_a_large_body_for_no_model_is_told_so(gateway: Gateway) -> None:
    answer = gateway.ask("/inference/", method="POST", body=bytes(3_000_000))

    assert (answer.status, json.load(answer)["error"]["code"]) == (404, "not_found")


def test_bodies_below_four_megabytes_all_pass(gateway: Gateway) -> None:
    bodies = [
        gateway.ask(
            "/inference/retina-oct", method="POST", body=bytes(3_999_999), headers={"Authorization": GOOD}
        )
        for _ in range(3)
    ]
    assert [json.load(answer)["length"] for answer in bodies] == [3_999_999] * 3
