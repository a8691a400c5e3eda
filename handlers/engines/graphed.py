"""The engine for NVIDIA GPUs: PyTorch's kernels, recorded once for each size of batch as a CUDA graph.

A GPU computes a layer in less time than the processor takes to launch it; a recorded graph is launched as one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from handlers.card import InputSpec
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Forward

WARM_RUNS = 3
"""Libraries choose their kernels, and take their working memory, in the first runs: not while one is recorded."""


class GraphedEngine:
    """Replays a graph of the next larger size, the rest of its input being whatever lay there; divides larger batches."""

    def __init__(self, network: nn.Module, spec: InputSpec, device: torch.device, max_batch: int) -> None:
        self._device = device
        self._eager = EagerEngine(network, spec, device)
        with torch.cuda.device(device):
            pool = torch.cuda.graph_pool_handle()
            # The largest comes first: the others fit into the memory that it took.
            self._graphs = [_Graph(self._eager, size, spec.size, device, pool) for size in sizes(max_batch)]

    @property
    def description(self) -> str:
        return f"graphed {self._eager.description.removeprefix('eager ')}"

    def __call__(self, squares: torch.Tensor) -> Forward:
        with torch.cuda.device(self._device):
            parts = [self._replay(part) for part in torch.split(squares, self._graphs[0].size)]
        logits, features = (
            parts[0] if len(parts) == 1 else (torch.cat(part) for part in zip(*parts, strict=True))
        )
        return Forward(logits, features)

    def _replay(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        graph = next(graph for graph in reversed(self._graphs) if graph.size >= len(squares))
        return graph.replay(squares)


class _Graph:
    """One recorded forward of `size` squares."""

    def __init__(self, run: EagerEngine, size: int, side: int, device: torch.device, pool: Any) -> None:
        self.size = size
        self._squares = torch.zeros(size, 3, side, side, dtype=torch.uint8, device=device)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_RUNS):
                run(self._squares)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._forward = run(self._squares)

    def replay(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and features of squares, uint8 (at most `size`, 3, side, side)."""
        count = len(squares)
        self._squares[:count].copy_(squares)
        self._graph.replay()
        assert self._forward.features is not None
        # The next replay overwrites them.
        return self._forward.logits[:count].clone(), self._forward.features[:count].clone()


def sizes(max_batch: int) -> list[int]:
    """Sizes to record, largest first: `max_batch` and the powers of two below, so that little is computed in vain."""
    powers = [2**exponent for exponent in range(max_batch.bit_length()) if 2**exponent < max_batch]
    return [max_batch, *reversed(powers)]
