"""Ray Serve: `python -m benchmarks.peers.ray_serve same|plain`. Images come as raw bodies, as its tutorials show."""

import asyncio
import os
import signal
import sys
from typing import Any

import ray
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.peers.settings import PeerSettings

TIMEOUT_S = 300.0
OBJECT_STORE_BYTES = 512 * 2**20
"""Far more than these requests need; the default is a third of the machine's memory."""
MAX_WAITING = 100
SETTINGS = PeerSettings.from_environment()


class Same:
    """Retinote's model code with Ray Serve's batching."""

    def __init__(self) -> None:
        from benchmarks.peers.same import SameModel

        self.model = SameModel(SETTINGS.folder, SETTINGS.threads)

    @serve.batch(max_batch_size=SETTINGS.batch_size, batch_wait_timeout_s=SETTINGS.batch_delay_ms / 1000)
    async def answer(self, scans: list[Any]) -> list[bytes]:
        # In a thread, so that the replica takes requests meanwhile.
        return await asyncio.to_thread(self._encoded, scans)

    def _encoded(self, scans: list[Any]) -> list[bytes]:
        from handlers.answer import as_json

        return [as_json(answer) for answer in self.model.answer(scans)]

    async def __call__(self, request: Request) -> Response:
        image, explain = await request.body(), request.headers.get("x-explain") == "true"
        return Response(await self.answer((image, explain)), media_type="application/json")


class Plain:
    """What a user would write: one request at a time, the default."""

    def __init__(self) -> None:
        from benchmarks.peers.plain import PlainModel

        self.model = PlainModel(SETTINGS.folder)

    async def __call__(self, request: Request) -> Response:
        image, explain = await request.body(), request.headers.get("x-explain") == "true"
        return JSONResponse(self.model.answer(image, explain))


def main(form: str) -> None:
    """Serve until stopped."""
    # A signal ends the wait below, so that Ray's own processes are shut down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ray.init(
        num_cpus=max(SETTINGS.workers * SETTINGS.threads, len(os.sched_getaffinity(0))),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _temp_dir=SETTINGS.scratch,
        _node_ip_address="127.0.0.1",
    )
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=SETTINGS.port, request_timeout_s=TIMEOUT_S))
    deployment = serve.deployment(
        num_replicas=SETTINGS.workers,
        max_ongoing_requests=MAX_WAITING,
        # Ray gives a replica as many threads (OMP_NUM_THREADS) as it has been given processors.
        ray_actor_options={"num_cpus": SETTINGS.threads},
    )(Same if form == "same" else Plain)
    serve.run(deployment.bind(), route_prefix="/predict")
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
