"""Distillation: a network learns the probabilities and feature maps of a trained model, its teacher.

G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531);
A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015 (arXiv:1412.6550).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from handlers.card import InputSpec
from handlers.network import load_network
from handlers.preprocessing import normalise_unit
from training.recipe import Recipe, RecipeError


@dataclass(frozen=True)
class DistillationOutputs:
    """Logits (batch, labels) and the last feature map (batch, channels, rows, columns), as `feature_map` makes it."""

    logits: torch.Tensor
    features: torch.Tensor

    def select(self, chosen: torch.Tensor) -> DistillationOutputs:
        """The outputs of the chosen scans; `chosen` are booleans (batch,)."""
        return DistillationOutputs(self.logits[chosen], self.features[chosen])


def feature_map(network: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What a timm network's `forward_features` returns, as a map (batch, channels, rows, columns) if it is one.

    The tokens of a vision transformer's patches are one, of as many rows as columns; its class token is left out. A map
    whose channels come last, as a Swin transformer's, gets them in front. What is no map is returned as it is.
    """
    if features.ndim == 4 and features.shape[1] != network.num_features == features.shape[3]:
        return features.permute(0, 3, 1, 2)
    if features.ndim != 3 or not hasattr(getattr(network, "patch_embed", None), "grid_size"):
        return features
    patches = features[:, int(getattr(network, "num_prefix_tokens", 0)) :]
    side = math.isqrt(patches.shape[1])
    if side < 2 or side**2 != patches.shape[1]:  # a single token is the class's
        return features
    return patches.mT.reshape(len(patches), -1, side, side)


@torch.no_grad()
def refuse_without_map(network: nn.Module, size: int) -> None:
    """Raise RecipeError when the network's features are no map (batch, channels, rows, columns)."""
    device = next(network.parameters()).device
    images = torch.zeros(1, 3, size, size, device=device)
    features = feature_map(network, network.eval().forward_features(images))  # type: ignore[operator]
    if features.ndim != 4 or features.shape[1] != network.num_features:
        raise RecipeError(
            f"the features of teacher and network are compared position by position, and {type(network).__name__} has "
            "no feature map; choose another --arch or --teacher"
        )


class Student(nn.Module):
    """The network that learns, with a projection of its feature map to the teacher's channels."""

    def __init__(self, network: nn.Module, teacher: nn.Module, *, projects: bool) -> None:
        """Both are timm networks, whose `num_features` counts the channels of the last feature map.

        One that starts as a copy of the teacher has the teacher's channels, and projects nothing. Through a projection
        that is still to be learnt, they would move away from where statistics and the map of findings look for them.
        Where no features are compared, there may be none that could be projected.
        """
        super().__init__()
        self.network = network
        channels = int(network.num_features), int(teacher.num_features)  # type: ignore[arg-type]
        self.projection: nn.Module = nn.Conv2d(*channels, 1) if projects else nn.Identity()

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and the feature map in the teacher's channels."""
        features = self.network.forward_features(images)  # type: ignore[operator]
        logits: torch.Tensor = self.network.forward_head(features)  # type: ignore[operator]
        return logits, self.projection(feature_map(self.network, features))


class Teacher:
    """The recipe's teacher on a device, or its teachers, whose probabilities are heard as one: their mean.

    Feature maps are those of the first.
    """

    def __init__(self, recipe: Recipe, labels: Sequence[str], device: torch.device) -> None:
        """Load it. Raises RecipeError when its labels differ, CardError or NetworkError when it can't be loaded."""
        self._recipe = recipe
        self._members = [_member(folder, labels, device) for folder in recipe.teachers]
        spec, self.network = self._members[0]
        self.size = spec.size
        """Pixels along a side of what the first has learnt from; it may take others, too."""

    @torch.no_grad()
    def outputs(self, images: torch.Tensor) -> DistillationOutputs:
        """The teacher's outputs for augmented images (batch, channels, size, size) from 0 to 1.

        Logits of several teachers are those of their mean probabilities at the recipe's temperature.
        """
        outputs = [_outputs(images, spec, network) for spec, network in self._members]
        if len(outputs) == 1:
            return outputs[0]
        temperature = self._recipe.teacher_temperature
        said = torch.stack([(output.logits / temperature).log_softmax(1) for output in outputs])
        mean = said.logsumexp(0) - math.log(len(outputs))
        return DistillationOutputs(mean * temperature, outputs[0].features)

    def loss(self, student: DistillationOutputs, teacher: DistillationOutputs) -> torch.Tensor:
        """How much the student differs from the teacher: in its probabilities, and in the direction of its features.

        The divergence is multiplied by the squared temperature, which keeps the size of its gradient (Hinton et al.).
        Feature maps are compared position by position by their cosine, which ignores their lengths.
        """
        temperature = self._recipe.teacher_temperature
        divergence = functional.kl_div(
            (student.logits / temperature).log_softmax(1),
            (teacher.logits / temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        if not self._recipe.teacher_features:
            return temperature**2 * divergence
        features = student.features.float()
        if features.shape[2:] != teacher.features.shape[2:]:
            features = functional.interpolate(features, teacher.features.shape[2:], mode="bilinear")
        distance = 1 - functional.cosine_similarity(features, teacher.features, dim=1).mean()
        return temperature**2 * divergence + self._recipe.teacher_features * distance


def _member(folder: Path, labels: Sequence[str], device: torch.device) -> tuple[InputSpec, nn.Module]:
    """A teacher and how it wants to see scans. Raises as `Teacher` does."""
    card, network = load_network(folder)
    if list(card.labels) != list(labels):
        raise RecipeError(
            f"the teacher {folder} knows the labels {', '.join(card.labels)}, and the training has "
            f"{', '.join(labels)}; they must be the same"
        )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return card.input, network.requires_grad_(False)


def _outputs(images: torch.Tensor, spec: InputSpec, network: nn.Module) -> DistillationOutputs:
    """What one teacher says; where its input has a fixed size, images are brought to it."""
    if hasattr(network, "set_input_size") and images.shape[-1] != spec.size:
        images = functional.interpolate(images, (spec.size, spec.size), mode="bilinear", antialias=True)
    inputs = normalise_unit(images, spec).contiguous(memory_format=torch.channels_last)
    features = network.forward_features(inputs)  # type: ignore[operator]
    logits = network.forward_head(features)  # type: ignore[operator]
    return DistillationOutputs(logits.float(), feature_map(network, features).float())
