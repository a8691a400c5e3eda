"""What Locust runs in a process of its own: closed-loop clients that post the bodies of a plan one after the other.

The plan (see benchmarks/load.py) is a JSON file that the variable LOAD_PLAN names. Measuring begins once the clients
are warm. At the end, requests on their way are waited for, so that no server is left with a queue. Locust's statistics
round times to two digits, so the exact time of each answer is kept here.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task

PLAN: dict[str, Any] = json.loads(Path(os.environ["LOAD_PLAN"]).read_text(encoding="utf-8"))
BODIES = [Path(request["body"]).read_bytes() for request in PLAN["requests"]]
TURNS = itertools.cycle(range(len(BODIES)))
WARM_ANSWERS = 5
"""Answers that are needed before measuring, with at least one for each client."""
MIN_ANSWERS = 5
POLL_S = 0.02
PLAIN_FIELDS = {"prediction", "probabilities"}
OWN_FIELDS = {"familiarity", "known", "prediction_set", "state", "because"}
"""Fields of answers by this project's model code, which also name their model."""


class Sampling:
    """The answers so far, and how many of them came before measuring began."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.clients_answered: set[int] = set()

    def is_warm(self, started: float) -> bool:
        """Whether the warm-up is over and each client has had an answer."""
        return (
            time.perf_counter() - started >= PLAN["warm_up_s"]
            and len(self.clients_answered) == PLAN["clients"]
            and len(self.answers) >= WARM_ANSWERS
        )


SAMPLING = Sampling()


class Client(FastHttpUser):
    """Posts the next body as soon as the last one is answered."""

    host = PLAN["url"]
    wait_time = constant(0)
    network_timeout = PLAN["timeout_s"]
    connection_timeout = PLAN["timeout_s"]
    # When a server closes a kept connection, the request is sent again on a new one.
    max_retries = 1

    @task
    def ask(self) -> None:
        """Send the next request and keep its result."""
        turn = next(TURNS)
        request = PLAN["requests"][turn]
        with self.client.post(
            PLAN["url"], data=BODIES[turn], headers=request["headers"], catch_response=True
        ) as response:
            content = response.content or b""
            status = response.status_code
            problem, timing = check(status, content, request["expect"])
            if problem:
                response.failure(problem)
            else:
                response.success()
        SAMPLING.answers.append(
            {
                "ended_s": time.perf_counter(),
                "ms": response.request_meta["response_time"],
                "bytes": len(content),
                "problem": problem,
                "timing_ms": timing,
            }
        )
        SAMPLING.clients_answered.add(id(self))


def check(status: int, content: bytes, expect: str) -> tuple[str | None, dict[str, float] | None]:
    """What is wrong with an answer, or None; and the times in it, if there are any."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if expect == "refused":
        refused = 400 <= status < 500 and isinstance(answer, dict) and "error" in answer
        return (None if refused else f"status {status} for a bad image"), None
    if not 200 <= status < 300:
        return f"status {status}: {content[:200].decode(errors='replace')}", None
    if expect == "any":
        return None, None
    if not isinstance(answer, dict) or not PLAIN_FIELDS <= answer.keys():
        return "not an answer of the agreed shape", None
    if "model" in answer and not OWN_FIELDS <= answer.keys():
        return "an answer that doesn't say how far it goes", None
    if ("gradcam" in answer) != (expect == "explained"):
        return "an explanation too many or too few", None
    if expect == "explained" and len(answer["gradcam"]["overlay"]) < 1000:
        return "an explanation without a picture", None
    return None, answer.get("timing_ms")


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    gevent.spawn(measure, environment)


def measure(environment: Any) -> None:
    """Wait until the clients are warm, measure, write the answers, and stop Locust."""
    started = time.perf_counter()
    give_up = started + PLAN["give_up_s"]
    while not SAMPLING.is_warm(started) and time.perf_counter() < give_up:
        gevent.sleep(POLL_S)
    warm = SAMPLING.is_warm(started)
    # The window begins and ends with an answer: answers come in batches, and a window that cuts one would count it
    # as a whole or not at all.
    first = len(SAMPLING.answers)
    began = SAMPLING.answers[-1]["ended_s"] if first else time.perf_counter()
    while True:
        gevent.sleep(POLL_S)
        now = time.perf_counter()
        enough = now - began >= PLAN["seconds"] and len(SAMPLING.answers) - first >= MIN_ANSWERS
        if enough or now > max(give_up, began + PLAN["seconds"]):
            break
    answers = SAMPLING.answers[first:]
    ended = answers[-1]["ended_s"] if answers else now
    for answer in answers:
        answer["ended_s"] = round(answer["ended_s"] - began, 4)
    found = {"warm": warm, "window_s": ended - began, "answers": answers}
    Path(PLAN["out"]).write_text(json.dumps(found), encoding="utf-8")
    environment.runner.quit()
