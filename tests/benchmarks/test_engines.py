"""The matrix products by which the speed of networks is judged end soon, also in a precision that a processor lacks."""

from __future__ import annotations

import torch

from benchmarks.engines import PEAK_SIDES, SMALLEST_SIDE, peak_side

CPU = torch.device("cpu")


def test_matrices_are_as_small_as_the_time_for_a_product_asks() -> None:
    assert peak_side(CPU, torch.bfloat16, longest_s=0) == SMALLEST_SIDE


def test_matrices_are_no_larger_than_keeps_the_device_busy() -> None:
    assert peak_side(CPU, torch.float32, longest_s=1e9) == PEAK_SIDES["cpu"]
