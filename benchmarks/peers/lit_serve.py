"""LitServe: `python -m benchmarks.peers.lit_serve same|plain`. Images come as base64 in JSON, as its guides show.

No `from __future__ import annotations`: LitServe reads the annotations of these methods.
"""

import sys
from typing import Any

import litserve

from benchmarks.peers.settings import PeerSettings

TIMEOUT_S = 300
SETTINGS = PeerSettings.from_environment()


class SameApi(litserve.LitAPI):
    """Retinote's model code with LitServe's dynamic batching."""

    def setup(self, device: str) -> None:
        from benchmarks.peers.same import SameModel

        self.model = SameModel(SETTINGS.folder, SETTINGS.threads)

    def decode_request(self, request):  # type: ignore[no-untyped-def]
        from benchmarks.peers.same import from_json

        return from_json(request)

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: list[Any]) -> list[dict[str, Any]]:
        return self.model.answer(x)

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        return output


class PlainApi(litserve.LitAPI):
    """What a user would write: one request at a time, the default."""

    def setup(self, device: str) -> None:
        import torch

        from benchmarks.peers.plain import PlainModel

        torch.set_num_threads(SETTINGS.threads)
        self.model = PlainModel(SETTINGS.folder)

    def decode_request(self, request):  # type: ignore[no-untyped-def]
        import base64

        return base64.b64decode(request["image"]), request["explain"]

    def predict(self, x: tuple[bytes, bool]) -> dict[str, Any]:
        return self.model.answer(*x)

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        return output


def main(form: str) -> None:
    """Serve until stopped."""
    api = (
        SameApi(max_batch_size=SETTINGS.batch_size, batch_timeout=SETTINGS.batch_delay_ms / 1000)
        if form == "same"
        else PlainApi()
    )
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=SETTINGS.workers, timeout=TIMEOUT_S
    )
    server.run(host="127.0.0.1", port=SETTINGS.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1])
