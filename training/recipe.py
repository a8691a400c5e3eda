"""Recipes: all values that decide how a model is trained, read from a file and changed by options."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ValidationError, model_validator
from pydantic.dataclasses import dataclass

from handlers.card import MAX_SIZE, MIN_SIZE, RESIZES
from handlers.checks import STRICT, OneOf, Range, Share, refusal

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "published"

CHOICES = {
    "precision": ("auto", "bf16", "fp16", "fp32"),
    "schedule": ("plateau", "cosine"),
    "best_by": ("accuracy", "macro_f1"),
    "resize": RESIZES,
    "teacher_sees": ("augmented", "plain"),
}
MAX_EPOCHS, MAX_SEED = 100_000, 4000
"""Random generators are seeded with 32 bits: the seed times a million, plus the number of the epoch."""
AlmostAll = Annotated[float, Range(0, 0.9999)]


class RecipeError(Exception):
    """A recipe or an option that can't be used; the message names the file and the key."""


def _key(text: str) -> Any:
    """A key of the recipe, with the help of its option."""
    return field(metadata={"help": text})


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """How a model is trained. Every key is an option of `./retinote train`: `label_smoothing` is `--label-smoothing`.

    The files in `recipes/` hold a value for every key and say why.
    """

    architecture: str = _key("timm name of the network")
    pretrained: bool = _key("start from timm's pretrained weights")
    pretrained_file: str = _key("start from the weights in this file")
    ls_init_value: Annotated[float, Range(0, 10)] = _key("ConvNeXt layer scale at the start; 0 keeps timm's")
    drop_path: Annotated[float, Range(0, 0.9)] = _key("stochastic depth rate")
    teacher: str = _key(
        "folder of a model whose probabilities the network learns in addition to the labels; "
        "of several, with commas between them, it learns the mean"
    )
    teacher_weight: Share = _key("share of the loss that comes from the teacher")
    teacher_temperature: Annotated[float, Range(0, 1000, above=True)] = _key(
        "softness of the teacher's probabilities"
    )
    teacher_features: Annotated[float, Range(0, 1000)] = _key(
        "weight of the teacher's feature maps beside its probabilities"
    )
    teacher_sees: Annotated[str, OneOf(*CHOICES["teacher_sees"])] = _key(
        "whether the teacher sees a scan augmented like the network, or with its own look"
    )

    size: Annotated[int, Range(MIN_SIZE, MAX_SIZE)] = _key("side of the square input, in pixels")
    resize: Annotated[str, OneOf(*RESIZES)] = _key(
        "how a picture is made square: stretched, or cut out of its middle"
    )
    first_size: Annotated[int, Range(0, MAX_SIZE)] = _key(
        "smaller side for the first epochs, which costs less; 0 for none"
    )
    first_epochs: Annotated[int, Range(0, MAX_EPOCHS)] = _key("epochs at the first size")
    epochs: Annotated[int, Range(1, MAX_EPOCHS)] = _key("most epochs to train")
    scans_per_epoch: Annotated[int, Range(0, 10**9)] = _key(
        "scans drawn in an epoch; 0 for as many as there are"
    )
    batch_size: Annotated[int, Range(1, 65_536)] = _key("B-scans per optimisation step, over all processes")
    balance: Share = _key("0 draws every scan equally often, 1 every label equally often")
    simulated_share: AlmostAll = _key(
        "share of simulated scans among those drawn of a label that has real ones"
    )
    outlier_share: AlmostAll = _key("share of scans drawn that are outliers, where --outliers names some")

    optimizer: str = _key("timm name of the optimiser")
    learning_rate: Annotated[float, Range(0, 100, above=True)] = _key("the optimiser's highest learning rate")
    weight_decay: Annotated[float, Range(0, 10)] = _key("decay of the weights (not of biases and norms)")
    layer_decay: Annotated[float, Range(0, 1, above=True)] = _key(
        "factor by which each layer learns slower than the one behind it; 1 for none"
    )
    schedule: Annotated[str, OneOf(*CHOICES["schedule"])] = _key("how the learning rate falls")
    warmup_epochs: Annotated[float, Range(0, 100_000)] = _key(
        "epochs over which the learning rate rises from near 0"
    )
    plateau_factor: Share = _key("learning-rate factor on a plateau")
    plateau_patience: Annotated[int, Range(0, 100_000)] = _key("epochs without a better validation before it")
    patience: Annotated[int, Range(1, 100_000)] = _key("epochs without a better validation before stopping")
    best_by: Annotated[str, OneOf(*CHOICES["best_by"])] = _key(
        "validation metric by which the best epoch is chosen"
    )
    clip_gradient: Annotated[float, Range(0, 10**6)] = _key("longest gradient, as a norm; 0 for any")
    ema_decay: Annotated[float, Range(0, 0.999999)] = _key(
        "decay of the moving average of the weights; 0 for none"
    )
    label_smoothing: AlmostAll = _key("share of the target spread over all labels")

    flip: Share = _key("probability of a horizontal flip")
    rotation_degrees: Annotated[float, Range(0, 180)] = _key("largest rotation to either side")
    crop_smallest: Annotated[float, Range(0, 10, above=True)] = _key(
        "smallest share of the area that a crop keeps"
    )
    crop_largest: Annotated[float, Range(0, 10, above=True)] = _key(
        "largest share; above 1 shows what lies outside the scan"
    )
    crop_ratio: Annotated[float, Range(1, 10)] = _key(
        "largest stretch of one side of a crop against the other"
    )
    white_outside: Share = _key("probability that what lies outside the scan is white, not black")
    jitter: Annotated[float, Range(0, 10)] = _key("range of brightness, contrast and saturation jitter")
    gamma: Annotated[float, Range(0, 10)] = _key("range of the logarithm of a random gamma")
    speckle: Annotated[float, Range(0, 10)] = _key("largest multiplicative noise, as a standard deviation")
    noise: Annotated[float, Range(0, 10)] = _key(
        "largest additive noise, as a standard deviation (white is 1)"
    )
    blur: Share = _key("probability of a blur of random width")
    blur_width: Annotated[float, Range(0, 20)] = _key(
        "largest standard deviation of the blur, in pixels of 224; 0 mixes in a mean of 3 by 3"
    )
    haze: Share = _key("largest noise in the dark parts of a scan (white is 1)")
    erase: Share = _key("probability that a random box is painted over")
    histogram: Share = _key("probability of taking on the grey values of another scan of the batch")
    waves: Share = _key("probability of taking on the slow Fourier amplitudes of another scan of the batch")
    motion: Share = _key("probability of steps between columns, as when the eye moves")
    bend: Share = _key("largest bending of the scan, as a share of its height")
    cuts: Share = _key("probability of white, black or grey wedges and strips at the border")
    marks: Share = _key("probability of text, boxes, scale bars and arrows burnt in")

    precision: Annotated[str, OneOf(*CHOICES["precision"])] = _key("precision of the forward pass")
    validation_share: AlmostAll = _key("share of patients kept for validation when the data name no split")
    seed: Annotated[int, Range(0, MAX_SEED)] = _key("seed of the split, the sampler and the augmentation")
    workers: Annotated[int, Range(0, 1024)] = _key(
        "processes that read batches; with 0 the training reads them itself"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.crop_smallest > self.crop_largest:
            raise ValueError("crop_smallest must not be above crop_largest")
        if self.first_size and self.first_size < MIN_SIZE:
            raise ValueError(f"first_size must be 0, or from {MIN_SIZE} pixels, not {self.first_size}")
        if self.first_epochs >= self.epochs:
            raise ValueError(
                f"first_epochs must be below epochs: {self.first_epochs} of {self.epochs} leave none at full size"
            )
        if bool(self.first_size) != bool(self.first_epochs):
            raise ValueError("first_size and first_epochs go together: give both or neither")
        if bool(self.teachers) != bool(self.teacher_weight):
            raise ValueError("teacher and teacher_weight go together: give both or neither")
        if self.teachers and self.layer_decay != 1:
            raise ValueError("layer_decay is for a network that learns without a teacher: give one of them")
        return self

    @property
    def teachers(self) -> tuple[Path, ...]:
        """The folders of the models to learn from."""
        return _folders(self.teacher)

    @property
    def starts_as_teacher(self) -> bool:
        """Whether the network starts from the weights of its teacher, the first of several."""
        return bool(self.teachers) and Path(self.pretrained_file).parent == self.teachers[0]


def without_folders(values: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's values with the names of files and folders alone: where they lie on this machine concerns nobody else."""
    names = {
        "pretrained_file": lambda value: Path(value).name,
        "teacher": lambda value: ",".join(folder.name for folder in _folders(value)),
    }
    return {name: names[name](value) if name in names else value for name, value in values.items()}


def _folders(teacher: str) -> tuple[Path, ...]:
    """The folders between the commas; one whose own path has a comma is a folder, too."""
    if os.path.isdir(teacher):  # which Path's own raises for names that are too long
        return (Path(teacher),)
    return tuple(Path(folder.strip()) for folder in teacher.split(",") if folder.strip())


def options() -> tuple[dataclasses.Field[Any], ...]:
    """The recipe's keys in order, for the command line."""
    return dataclasses.fields(Recipe)


def named_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of that name, or in the file of that path, with some values changed.

    A file may leave keys out; they are then the published recipe's. Raises RecipeError.
    """
    values = _read(RECIPES / f"{DEFAULT_RECIPE}.toml")
    if name in named_recipes():
        values |= _read(RECIPES / f"{name}.toml")
    elif name.endswith(".toml"):
        values |= _read(Path(name))
    else:
        raise RecipeError(
            f"there is no recipe {name!r}; choose {' or '.join(named_recipes())}, or name a .toml file"
        )
    try:
        return Recipe(**{**values, **(changes or {})})
    except ValidationError as error:
        raise RecipeError(refusal(error, "the recipe")) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: the recipe can't be read ({error.strerror})") from error
    except ValueError as error:
        raise RecipeError(f"{path}: the recipe is not valid TOML ({error})") from error
    unknown = sorted(values.keys() - {option.name for option in options()})
    if unknown:
        raise RecipeError(f"{path}: there is no key {unknown[0]!r} in a recipe")
    return values
