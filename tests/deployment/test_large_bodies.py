"""Large bodies of direct calls take turns, by key, those of uploads have room, and nobody gets around that."""

from __future__ import annotations

import http.client
import json
import re
import select
import shutil
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.deployment.nginx import GOOD, IN_CANARY, NEEDS_NGINX, NGINX, SENDS_MUCH, Gateway, running

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


UPLOADS = ["/api/v1/scans/", "/api/v1/volumes/", "/dicomweb/studies"]
FROM_ONE_ADDRESS = 12


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize(
    "said",
    [{"Content-Length": "200000000"}, {"Content-Length": "20000000"}, {"Transfer-Encoding": "chunked"}],
    ids=["volumes", "pictures", "of unsaid length"],
)
def test_large_uploads_that_come_in_are_counted(gateway: Gateway, path: str, said: dict[str, str]) -> None:
    """Nobody has looked at a token yet. Lists and small pictures are answered meanwhile."""
    with ExitStack() as open_ones:
        begun = [open_ones.enter_context(gateway.begin(path, **said)) for _ in range(FROM_ONE_ADDRESS + 1)]
        heard, _, _ = select.select(begun, [], [], 20)
        refusal = http.client.HTTPResponse(heard[0])
        refusal.begin()

        assert (refusal.status, len(heard)) == (429, 1)
        assert int(refusal.headers["Retry-After"]) > 0
        error = json.load(refusal)["error"]
        assert error["code"] == "too_many_requests"
        assert "wait until some have ended" in error["message"]
        assert gateway.ask("/api/v1/scans/").status == 200
        assert json.load(gateway.ask(path, method="POST", body=b"small"))["length"] == len(b"small")


@pytest.mark.parametrize("path", UPLOADS[:2])
def test_what_asks_for_a_list_has_no_large_body(gateway: Gateway, path: str) -> None:
    answer = gateway.ask(path, body=[bytes(2**20)] * 3)

    assert (answer.status, json.load(answer)["error"]["code"]) == (413, "too_large")


def test_a_list_whose_web_app_is_away_is_told_so_as_ever(gateway: Gateway) -> None:
    answer = gateway.ask("/api/v1/scans/?hang-up")

    assert (answer.status, json.load(answer)["error"]["code"]) == (503, "unavailable")


def test_where_a_body_can_not_be_kept_the_answer_says_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        shutil.rmtree(tmp_path / "body")
        answer = gateway.ask("/api/v1/scans/", method="POST", body=bytes(3_000_000))

        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert json.load(answer)["error"]["code"] == "unavailable"


def test_all_uploads_that_may_come_in_at_once_have_room_on_the_disk() -> None:
    text = (NGINX / "nginx.conf.template").read_text(encoding="utf-8")
    [place] = re.findall(r"client_body_temp_path (\S+)/body;", text)
    assert f"proxy_temp_path {place}/" in text
    largest = max(map(int, re.findall(r"client_max_body_size (\d+)m;", text)))
    [at_once] = set(map(int, re.findall(r"limit_conn uploads (\d+);", text)))
    picture = 34

    compose = yaml.safe_load((NGINX.parents[1] / "docker-compose.yml").read_text(encoding="utf-8"))
    nginx = compose["services"]["nginx"]
    assert place in nginx["volumes"]
    assert not any(place.startswith(tmpfs.split(":")[0]) for tmpfs in nginx["tmpfs"])
    manifests = NGINX.parent / "kubernetes" / "base" / "gateway.yaml"
    pod = next(yaml.safe_load_all(manifests.read_text(encoding="utf-8")))["spec"]["template"]["spec"]
    [mount] = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == place]
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == mount["name"]]
    assert volume["emptyDir"].keys() == {"sizeLimit"}, "in memory it would count against the pod's limit"
    assert at_once * (largest + picture) < int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 1024
