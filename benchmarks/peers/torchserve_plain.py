"""A TorchServe handler as a user would write it, following TorchServe's documentation of custom handlers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ts.torch_handler.base_handler import BaseHandler

from benchmarks.peers.plain import PlainModel


class PlainHandler(BaseHandler):
    """Loads the network at the start and answers one request after the other."""

    def initialize(self, context: Any) -> None:
        self.model = PlainModel(Path(context.system_properties["model_dir"]))
        self.initialized = True

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[str]:
        answers = []
        for index, row in enumerate(data):
            content = row.get("data") or row.get("body")
            explain = context.get_request_header(index, "X-Explain") == "true"
            answers.append(json.dumps(self.model.answer(bytes(content or b""), explain)))
        return answers
