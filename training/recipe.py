"""The recipe: every value that decides how a model is trained, with the published defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _option(default: Any, text: str) -> Any:
    """A field whose text the command line shows beside its option."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults reproduce the published ConvNeXt-Base recipe for OCT-C8.

    Every field is an option of `./retinote train`: `label_smoothing` is `--label-smoothing`.
    """

    architecture: str = _option("convnext_base", "timm name of the network")
    pretrained: bool = _option(True, "start from timm's pretrained weights")
    pretrained_file: str = _option("", "read the pretrained weights from this file")
    size: int = _option(224, "side of the square input, in pixels")
    first_size: int = _option(0, "smaller side for the first epochs, which costs less; 0 for none")
    first_epochs: int = _option(0, "epochs at the first size")
    epochs: int = _option(10, "most epochs to train")
    batch_size: int = _option(32, "B-scans per optimisation step")
    learning_rate: float = _option(0.001, "Adam's learning rate")
    warmup_epochs: float = _option(0.0, "epochs over which the learning rate rises from near 0")
    weight_decay: float = _option(0.0, "L2 penalty on the weights")
    label_smoothing: float = _option(0.1, "share of the target spread over all labels")
    plateau_factor: float = _option(0.1, "learning-rate factor on a plateau")
    plateau_patience: int = _option(2, "epochs without a better validation before it")
    patience: int = _option(3, "epochs without a better validation before stopping")
    flip: float = _option(0.5, "probability of a horizontal flip")
    rotation_degrees: float = _option(15.0, "largest rotation to either side")
    jitter: float = _option(0.2, "range of brightness, contrast and saturation jitter")
    crop_scale: float = _option(0.8, "smallest share of the area a random crop keeps")
    drop_path: float = _option(0.0, "stochastic depth rate")
    ls_init_value: float = _option(0.0, "ConvNeXt layer scale at the start; 0 keeps timm's")
    validation_share: float = _option(0.15, "share of patients kept for validation")
    seed: int = _option(0, "seed of the split, the sampler and the augmentation")
    workers: int = _option(1, "processes that load and augment")

    def __post_init__(self) -> None:
        """Refuse values that no training can use; raises ValueError naming the field."""
        for name in ("size", "epochs", "batch_size", "learning_rate", "patience"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("label_smoothing", "flip", "drop_path", "validation_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1, not {getattr(self, name)}")
        if not 0 < self.crop_scale <= 1:
            raise ValueError(f"crop_scale must be above 0 and at most 1, not {self.crop_scale}")
        for name in ("first_size", "first_epochs", "warmup_epochs", "weight_decay", "jitter", "workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} can't be negative")
        if bool(self.first_size) != bool(self.first_epochs):
            raise ValueError("first_size and first_epochs go together: give both or neither")


def options() -> tuple[dataclasses.Field[Any], ...]:
    """The recipe's fields in order, for the command line."""
    return dataclasses.fields(Recipe)
