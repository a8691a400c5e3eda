"""The pooled last feature map of scans beside their logits: what familiarity is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.card import InputSpec
from handlers.gradcam import HeadGradCam
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
        """Those of the scans that are wanted."""
        return self.take([number for number, scan in enumerate(self.scans) if wanted(scan)])

    def take(self, numbers: Sequence[int]) -> Embedded:
        """The scans of these numbers, in this order."""
        chosen = list(numbers)
        return Embedded([self.scans[number] for number in chosen], self.features[chosen], self.logits[chosen])

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """Logits and targets, where the model knows every scan's label; `labels` are in the order of the logits."""
        numbers = {label: number for number, label in enumerate(labels)}
        return Outputs(self.logits, torch.tensor([numbers[scan.label] for scan in self.scans]))

    def __len__(self) -> int:
        return len(self.scans)


def embed(network: nn.Module, spec: InputSpec, scans: Sequence[Scan], cache: Path | None = None) -> Embedded:
    """Run the network on scans of any labels; raises DataError naming a scan that can't be read.

    `cache` is the folder for reduced scans (default: the user's cache folder).
    """
    labels = sorted({scan.label for scan in scans})
    batches = ordered_batches(scans, labels, spec.size, BATCH_SIZE, cache or user_cache())
    pooled: list[torch.Tensor] = []
    layer, pool = _before_the_classifier(network)

    def keep(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        pooled.append(pool(inputs[0]).float().cpu())

    with layer.register_forward_pre_hook(keep):
        outputs = predict_batches(network, spec, batches)
    return Embedded(scans, np.asarray(torch.cat(pooled).numpy(), np.float32), outputs.logits)


def _before_the_classifier(network: nn.Module) -> tuple[nn.Module, Callable[[torch.Tensor], torch.Tensor]]:
    """The module whose input is looked at, and what makes a vector of it.

    It is the head of networks that Grad-CAM's closed form fits, whose last feature map is pooled before the head's
    norm; of any other network it is timm's classifier, which is fed vectors (or, as a convolution, maps of one pixel).
    """
    if HeadGradCam.fits(network):
        return network.get_submodule("head"), lambda maps: maps.mean((2, 3))
    classifier: nn.Module = network.get_classifier()  # type: ignore[operator]
    return classifier, lambda inputs: inputs.flatten(1)
