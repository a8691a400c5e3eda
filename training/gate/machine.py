"""What a scan costs on this machine: processor time and memory, of two networks in turns."""

from __future__ import annotations

import time
import weakref
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from training.gate.subject import Subject

WARM_UP = 2


@torch.inference_mode()
def milliseconds(candidate: Subject, champion: Subject, rounds: int) -> tuple[float, float, float]:
    """The median processor time of a forward pass of each on one thread, and the median ratio of the two.

    Processor time, as other work on the machine adds to any other time; in turns, so that what is left of it does so to
    both alike.
    """
    inputs = [
        torch.randn(
            1, 3, one.card.input.size, one.card.input.size, generator=torch.Generator().manual_seed(0)
        )
        for one in (candidate, champion)
    ]
    networks = [
        one.network.cpu().eval().to(memory_format=torch.channels_last) for one in (candidate, champion)
    ]  # type: ignore[call-overload]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    taken: list[list[float]] = []
    try:
        for turn in range(WARM_UP + rounds):
            pair = []
            for network, pixels in zip(networks, inputs, strict=True):
                started = time.thread_time()
                network(pixels)
                pair.append(1000 * (time.thread_time() - started))
            if turn >= WARM_UP:
                taken.append(pair)
    finally:
        torch.set_num_threads(threads)
    times = np.array(taken)
    ratio = float(np.median(times[:, 0] / np.maximum(times[:, 1], 1e-6)))
    first, second = np.median(times, axis=0)
    return float(first), float(second), ratio


@torch.inference_mode()
def memory_bytes(network: nn.Module, size: int) -> int:
    """Bytes of the weights, and of what is held at once during a forward pass of one scan, at its widest."""
    weights = sum(values.numel() * values.element_size() for values in network.state_dict().values())
    network = network.cpu().eval()
    with _Held({values.untyped_storage().data_ptr() for values in network.state_dict().values()}) as held:
        network(torch.zeros(1, 3, size, size))
    return weights + held.most


class _Held(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside and still held: `most` is the largest count."""

    def __init__(self, known: set[int]) -> None:
        """`known` are the places of tensors that don't count."""
        super().__init__()
        self.now = self.most = 0
        self._known = known

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        if place in self._known or not size:
            return
        self._known.add(place)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.now -= size
