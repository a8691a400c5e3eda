"""What these tests send, and read of a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np

GREY = np.zeros((64, 64), np.uint8)
B_SCAN = np.arange(128 * 128, dtype=np.uint8).reshape(128, 128)


def refusal(response: Any) -> tuple[int, str, str, list[str]]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"], error.get("fields", {}).get("modality", [])
