"""A real TorchServe answers at once, and changes over to the compiled network while clients ask without a pause."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import torch

from handlers.card import CARD_NAME, ModelCard
from handlers.engines.compiled import compiled_path, has_compiler
from handlers.engines.reports import read_reports
from handlers.engines.settings import DEFAULT_MAX_BATCH, EngineSettings
from handlers.predictor import Predictor
from handlers.request import Request
from operations.stack.folder import DataFolder
from serving.capacity import Capacity
from serving.keys import InferenceKey, ManagementKey
from serving.management import ManagementClient
from tests.images import png_bytes
from tests.models import make_model
from tests.operations.stack.test_served_models import NAME, Server
from tests.services import small_engines
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler is installed")

CLIENTS = 4
WORKERS = 2
SIZES = ((64, 48), (96, 64), (120, 160), (200, 100))
"""Widths and heights of the images, by which an answer shows whose it is."""
COMPILE_TIMEOUT_S = 600
CLOSE = 0.02


@dataclass(frozen=True)
class Asked:
    """A request and what came of it."""

    id: str
    image: int
    status: int
    answer: dict[str, Any]


def ask_without_pause(
    server: Server, images: Sequence[bytes], client: int, enough: threading.Event
) -> list[Asked]:
    """Ask for one image after the other, each with an id of its own; the last one after `enough` is set."""
    key = InferenceKey(server.torchserve.key_file, server.torchserve.management_url)
    url = f"{server.torchserve.inference_url}/predictions/{NAME}"
    asked: list[Asked] = []
    with requests.Session() as session:
        for number in count():
            was_enough = enough.is_set()
            image = (client + number) % len(images)
            name = f"client-{client}-{number}"
            headers = key.headers() | {"X-Request-Id": name, "X-Overlay": "false"}
            got = session.post(url, data=images[image], headers=headers, timeout=60)
            asked.append(Asked(name, image, got.status_code, got.json()))
            if was_enough:
                return asked
    raise AssertionError


@contextlib.contextmanager
def slow_compiler(cache: Path, package: str) -> Iterator[Callable[[], None]]:
    """Have the workers wait for a compiler, which ends with the call of what this gives.

    It is the real one if the network was never compiled on this machine. Otherwise it is this test, which holds the
    lock that a compiling process would hold, and puts the network of an earlier run in its place.
    """
    kept = small_engines() / package
    if not kept.exists():
        yield lambda: None
        kept.parent.mkdir(exist_ok=True, parents=True)
        shutil.copy2(cache / package, kept)
        return
    cache.mkdir(parents=True)
    with (cache / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def end() -> None:
            shutil.copy2(kept, cache / "partial")
            (cache / "partial").rename(cache / package)
            fcntl.flock(lock, fcntl.LOCK_UN)

        yield end


def compiled_name(model: Path, threads: int) -> str:
    """The file name of a model that is compiled for so many threads."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        return compiled_path(ModelCard.load(model / CARD_NAME), Path(), DEFAULT_MAX_BATCH).name
    finally:
        torch.set_num_threads(before)


@pytest.mark.xdist_group("engines")
def test_nothing_is_lost_or_wrong_while_the_compiled_network_takes_over(tmp_path: Path) -> None:
    model = make_model(tmp_path / "store", architecture="test_convnext")
    images = [png_bytes(*size) for size in SIZES]
    exact = Predictor.load(model, settings=EngineSettings("eager")).answer(
        [Request(image) for image in images]
    )
    server = Server(
        DataFolder(tmp_path / "var"),
        tmp_path / "store",
        capacity=Capacity(workers=WORKERS, threads=1, engine="auto"),
    )
    management = ManagementClient(
        server.torchserve.management_url,
        ManagementKey(server.torchserve.key_file, server.torchserve.management_url),
    )

    def reports() -> list[Any]:
        return read_reports(server.torchserve.engine_reports)

    with slow_compiler(server.torchserve.engines(), compiled_name(model, threads=1)) as compiled, server:
        server.start()
        # Ready, though nothing is compiled yet; and whoever asks is told.
        assert [report.coming for report in reports()] == ["compiled"] * WORKERS
        assert all(report.engine.startswith("eager") for report in reports())
        assert management.describe(NAME, "1.0.0")["engine"] == {
            "name": reports()[0].engine,
            "coming": "compiled",
        }
        assert any(line.endswith("until compiled is made in the background") for line in server.said)

        enough = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [
                pool.submit(ask_without_pause, server, images, each, enough) for each in range(CLIENTS)
            ]
            try:
                # Each client has had answers before the compiler ends.
                wait_for(
                    lambda: all(f"client-{each}-9:" in worker_logs(server) for each in range(CLIENTS)),
                    timeout_s=120,
                )
                compiled()
                wait_for(lambda: not any(report.coming for report in reports()), timeout_s=COMPILE_TIMEOUT_S)
            finally:
                enough.set()
            asked = [each for client in clients for each in client.result()]

        assert [report.engine.split()[0] for report in reports()] == ["compiled"] * WORKERS
        assert server.models.are_served()
        assert any("has taken over from eager" in line for line in server.said)
        assert management.describe(NAME, "1.0.0")["engine"] == {"name": reports()[0].engine}
        for each in asked:
            assert each.status == 200, each.answer
            expected: Any = exact[each.image]
            # An answer belongs to its request: it has that image's size and its probabilities.
            assert each.answer["image"] == expected["image"]
            for label, probability in expected["probabilities"].items():
                assert abs(each.answer["probabilities"][label] - probability) <= CLOSE
        answered = Counter(re.findall(r"request (client-\S+): 200 ok", worker_logs(server)))
        assert answered == Counter(each.id for each in asked), "each request was answered once"
        log = worker_logs(server)
        assert len(re.findall("engine compiled .* has taken over from eager", log)) == WORKERS
        assert len(list(server.torchserve.engines().glob("*.pt2"))) == 1


def worker_logs(server: Server) -> str:
    return "".join(
        path.read_text() for path in sorted(server.data.logs.glob("torchserve-worker*.log"), reverse=True)
    )
