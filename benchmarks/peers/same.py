"""Retinote's own model code, for the other servers, which add batching and HTTP."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch

from handlers.answer import error_answer
from handlers.predictor import Predictor
from handlers.request import Options, Request
from imaging.errors import CodedError

Scan = tuple[bytes, bool]
"""An image file, and whether an explanation is wanted."""


class SameModel:
    """Answers batches as Retinote's handler does, with the same threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        self._predictor = Predictor.load(folder)

    def answer(self, scans: Sequence[Scan]) -> list[dict[str, Any]]:
        """An answer for each scan, in order."""
        requests = [Request(image, options=Options(explain=explain)) for image, explain in scans]
        return [
            dict(error_answer(outcome)) if isinstance(outcome, CodedError) else dict(outcome)
            for outcome in self._predictor.answer(requests)
        ]


def from_json(scan: dict[str, Any]) -> Scan:
    """A scan from JSON: `image` is base64, `explain` a boolean."""
    return base64.b64decode(scan["image"]), bool(scan["explain"])
