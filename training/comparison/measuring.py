"""Measures the size and speed of models: weights, operations, milliseconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

WARM_UP = 2


def parameters(network: nn.Module) -> int:
    """The count of weights."""
    return sum(values.numel() for values in network.parameters())


@torch.inference_mode()
def giga_macs(network: nn.Module, size: int) -> float:
    """Multiply-accumulates (10⁹) of a forward pass of `size` × `size` pixels: half of torch's count of operations."""
    with FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 3, size, size))
    return float(counter.get_total_flops() / 2e9)


@torch.inference_mode()
def milliseconds(networks: Mapping[str, tuple[nn.Module, int]], rounds: int) -> dict[str, dict[str, float]]:
    """Median and quartiles of a forward pass of one scan on the CPU, in fp32; each network comes with its input size.

    The networks take turns, so that other work of the machine affects all of them alike.
    """
    inputs = {
        name: torch.randn(1, 3, size, size).contiguous(memory_format=torch.channels_last)
        for name, (_, size) in networks.items()
    }
    ready = {
        name: network.eval().to(memory_format=torch.channels_last) for name, (network, _) in networks.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(WARM_UP + rounds):
        for name, network in ready.items():
            started = time.perf_counter()
            network(inputs[name])
            if turn >= WARM_UP:
                taken[name].append(1000 * (time.perf_counter() - started))
    return {name: _spread(values) for name, values in taken.items()}


def _spread(values: Sequence[float]) -> dict[str, float]:
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(median), 2), "low": round(float(low), 2), "high": round(float(high), 2)}


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the comparison for a CSV file: nested values get joined names, such as `cpu_milliseconds_median`."""
    cells: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            cells |= {f"{key}_{name}": inner for name, inner in flat(value).items()}
        elif isinstance(value, list):
            cells |= {f"{key}_{name}": inner for name, inner in zip(("low", "high"), value, strict=True)}
        else:
            cells[key] = value
    return cells
