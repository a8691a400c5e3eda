"""Whether a model gives numbers for pictures of every size that devices make."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from handlers.preprocessing import to_tensor
from training.gate.subject import Subject
from training.gate.verdict import Check
from training.simulator.labels import LABELS
from training.simulator.scans import simulate_one

NAME, GROUP = "Answers pictures of every size", "model"
SEED = 7


@torch.inference_mode()
def check_sizes(candidate: Subject, sizes: Sequence[tuple[int, int]]) -> Check:
    """Have the network look at a picture of each size (height, width), each by itself."""
    network = candidate.network.cpu().eval()
    wrong = [
        f"{width} × {height}"
        for height, width in sizes
        if not torch.isfinite(
            network(to_tensor(picture((height, width)), candidate.card.input).unsqueeze(0))
        ).all()
    ]
    if wrong:
        reason = f"It gives no numbers for pictures of {' and '.join(wrong)} pixels."
        return Check(NAME, GROUP, "", False, reason)
    return Check(NAME, GROUP, "", True, f"It gives numbers for all {len(sizes)} sizes.")


@cache
def picture(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A simulated scan of a size (height, width), RGB, always the same."""
    label = LABELS[sum(size) % len(LABELS)]
    grey, _ = simulate_one(label, SEED, size[0], size)
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
