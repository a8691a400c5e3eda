"""BentoML: `bentoml serve benchmarks.peers.bento_service:Same` (or `Plain`).

No `from __future__ import annotations`: BentoML reads the annotations of these methods.
"""

from typing import Any

import bentoml

from benchmarks.peers.settings import PeerSettings

TIMEOUT_S = 300
SETTINGS = PeerSettings.from_environment()


@bentoml.service(workers=SETTINGS.workers, traffic={"timeout": TIMEOUT_S})
class Same:
    """Retinote's model code with BentoML's adaptive batching: clients send lists of one, the server joins them."""

    def __init__(self) -> None:
        from benchmarks.peers.same import SameModel

        self.model = SameModel(SETTINGS.folder, SETTINGS.threads)

    @bentoml.api(batchable=True, max_batch_size=SETTINGS.batch_size)
    def predict(self, scans: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from benchmarks.peers.same import from_json

        return self.model.answer([from_json(scan) for scan in scans])


@bentoml.service(workers=SETTINGS.workers, traffic={"timeout": TIMEOUT_S})
class Plain:
    """What a user would write: one request at a time, the default."""

    def __init__(self) -> None:
        import torch

        from benchmarks.peers.plain import PlainModel

        torch.set_num_threads(SETTINGS.threads)
        self.model = PlainModel(SETTINGS.folder)

    @bentoml.api
    def predict(self, image: str, explain: bool) -> dict[str, Any]:
        import base64

        return self.model.answer(base64.b64decode(image), explain)
