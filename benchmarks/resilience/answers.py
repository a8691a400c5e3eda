"""Answers while versions change: of direct callers, and stored ones, and whether any of them is of two versions."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import requests
from pymongo import MongoClient

from benchmarks.history import PREDICTIONS, SCANS
from benchmarks.resilience.versions import VersionsSubject
from imaging.heat import enlarged
from operations.stack.database import DATABASE
from serving.errors import ServingError
from serving.keys import InferenceKey

REQUEST_TIMEOUT_S = 60.0
HEAT_DIFFERS = 2.0
"""Mean difference of two heat maps, of 255, from which on they are not of the same weights."""
NOT_READY = frozenset({502, 503, 504, 507})


@dataclass
class Direct:
    """Answers to direct calls: how many of each version, and what was wrong with them."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    refused: int = 0
    """Calls that got 503 or no connection, as while a service is killed; a client sends those again."""


@contextmanager
def direct_callers(tried: VersionsSubject, clients: int, images: Sequence[bytes]) -> Iterator[Direct]:
    """So many clients that call the model server directly meanwhile, and check each answer."""
    found, ended, lock = Direct(), threading.Event(), threading.Lock()
    weights = tried.weights()

    def go_on(number: int) -> None:
        at = number
        while not ended.wait(0.05):
            at += 1
            try:
                answer = ask(tried, images[at % len(images)])
            except (requests.RequestException, ServingError, OSError, KeyError):
                with lock:
                    found.refused += 1
                continue
            with lock:
                _judge(answer, weights, found)

    threads = [threading.Thread(target=go_on, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ended.set()
        for thread in threads:
            thread.join(REQUEST_TIMEOUT_S)


def ask(tried: VersionsSubject, image: bytes, version: str = "", **headers: str) -> requests.Response:
    """Call the model server directly."""
    state = tried.subject.state
    key = InferenceKey(Path(state["key_file"]), state["management_url"])
    return requests.post(
        f"{state['inference_url']}/predictions/{tried.name}" + (f"/{version}" if version else ""),
        data=image,
        headers={**key.headers(), "Content-Type": "image/png", "X-Overlay": "false", **headers},
        timeout=REQUEST_TIMEOUT_S,
    )


def _judge(answer: requests.Response, weights: dict[str, str], found: Direct) -> None:
    if answer.status_code in NOT_READY:
        found.refused += 1
        return
    if not answer.ok:
        found.failed.append(f"{answer.status_code}: {answer.text[:200]}")
        return
    model = answer.json()["model"]
    found.counts[model["version"]] += 1
    if weights.get(model["version"]) != model["weights_sha256"]:
        found.mixed.append(f"{model}")
    if answer.headers.get("X-Model-Version") != model["version"]:
        found.mixed.append(f"{model['version']}, and by its header {answer.headers.get('X-Model-Version')}")


def mixed_answers(tried: VersionsSubject, most: int, seed: int = 0) -> tuple[list[str], Counter[str]]:
    """Stored answers whose version, weights and heat map are not of one version; and how many each version gave.

    Each of `most` of them is held beside what the version that it names answers to the same picture.
    """
    weights = tried.weights()
    client: MongoClient[dict[str, Any]] = MongoClient(tried.subject.data.database_address())
    with client:
        predictions = list(client[DATABASE][PREDICTIONS].find())
        images = {scan["_id"]: scan["image_name"] for scan in client[DATABASE][SCANS].find()}
    counts: Counter[str] = Counter(str(each["model_version"]) for each in predictions)
    mixed = [
        f"prediction {each['_id']}: {each['model_version']} with weights {each['weights_sha256']}"
        for each in predictions
        if weights.get(each["model_version"]) != each["weights_sha256"]
    ]
    chosen = random.Random(seed).sample(predictions, min(most, len(predictions)))
    for each in chosen:
        image = _stored(tried, images[each["scan_id"]])
        label = str(each["gradcam_label"])
        again = ask(tried, image, each["model_version"], **{"X-Heatmap": "grid", "X-Label": label}).json()
        grid = again["gradcam"]["grid"]
        expected = enlarged(np.array(grid["cells"], np.uint8), grid["width"], grid["height"])
        stored = cv2.imdecode(
            np.frombuffer(_stored(tried, each["heatmap_name"]), np.uint8), cv2.IMREAD_GRAYSCALE
        )
        if stored is None:
            mixed.append(f"prediction {each['_id']}: its heat map is no picture")
            continue
        differs = float(np.abs(stored.astype(np.float32) - expected.astype(np.float32)).mean())
        if again["prediction"]["label"] != each["label"] or differs > HEAT_DIFFERS:
            mixed.append(
                f"prediction {each['_id']} by {each['model_version']}: {each['label']}, and asked again "
                f"{again['prediction']['label']}; its heat map differs by {differs:.1f} of 255"
            )
    return mixed, counts


def _stored(tried: VersionsSubject, name: str) -> bytes:
    return (tried.subject.data.media / "scans" / name[:2] / name).read_bytes()
