"""The pooled features of scans, by which familiarity is judged, and their logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.card import InputSpec
from handlers.gradcam import HeadGradCam
from handlers.network import classifier
from handlers.user_cache import user_cache
from training.batches import ordered_batches
from training.data.manifest import Scan
from training.prediction import BATCH_SIZE, Outputs, predict_batches

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embedded:
    """Scans, their pooled features (scans, channels) and their logits (scans, labels), in one order."""

    scans: Sequence[Scan]
    features: Features
    logits: torch.Tensor

    @property
    def labels(self) -> npt.NDArray[np.str_]:
        """The true label of each scan."""
        return np.array([scan.label for scan in self.scans], dtype=np.str_)

    def where(self, wanted: Callable[[Scan], bool]) -> Embedded:
        """The scans for which `wanted` is true, in the same order."""
        return self.take([number for number, scan in enumerate(self.scans) if wanted(scan)])

    def take(self, numbers: Sequence[int]) -> Embedded:
        """The scans with these numbers, in this order."""
        chosen = list(numbers)
        return Embedded([self.scans[number] for number in chosen], self.features[chosen], self.logits[chosen])

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """Logits and targets; `labels` are in the order of the logits. Raises KeyError for a scan with another one."""
        numbers = {label: number for number, label in enumerate(labels)}
        return Outputs(self.logits, torch.tensor([numbers[scan.label] for scan in self.scans]))

    def __len__(self) -> int:
        return len(self.scans)


def embed(network: nn.Module, spec: InputSpec, scans: Sequence[Scan], cache: Path | None = None) -> Embedded:
    """Run the network on scans of any labels; features of a network without a single last layer have no channels.

    `cache` is the folder for reduced scans (default: the user's cache folder). Raises DataError with the name of a scan
    that can't be read.
    """
    labels = sorted({scan.label for scan in scans})
    batches = ordered_batches(scans, labels, spec.size, BATCH_SIZE, cache or user_cache(), spec.resize)
    pooled: list[torch.Tensor] = []
    with _listening(network, pooled):
        outputs = predict_batches(network, spec, batches)
    features = torch.cat(pooled) if pooled else torch.zeros(len(scans), 0)
    return Embedded(scans, np.asarray(features.numpy(), np.float32), outputs.logits)


def _listening(network: nn.Module, pooled: list[torch.Tensor]) -> AbstractContextManager[object]:
    """A context in which the features of each batch are added to `pooled`, as in `handlers.engines.engine.Forward`.

    They are the means of the last feature map over rows and columns where Grad-CAM's closed form applies, else the
    input of the last layer. A network without a single last layer adds none.
    """
    head = HeadGradCam.fits(network)
    layer = network.get_submodule("head") if head else classifier(network)
    if layer is None:
        return nullcontext()
    channels_last = isinstance(layer, nn.Linear)

    def keep(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        values = inputs[0].float() if channels_last else inputs[0].float().flatten(2).mT
        pooled.append(values.reshape(len(values), -1, values.shape[-1]).mean(1).cpu())

    return layer.register_forward_pre_hook(keep)
