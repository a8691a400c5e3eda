"""The recipe: every value that decides how a model is trained, read from a file and changed by options."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from handlers.card import MAX_SIZE, MIN_SIZE

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "published"

CHOICES = {
    "precision": ("auto", "bf16", "fp16", "fp32"),
    "schedule": ("plateau", "cosine"),
    "best_by": ("accuracy", "macro_f1"),
    "teacher_sees": ("augmented", "plain"),
}


MAX_SEED = 4000
"""Random generators are seeded with the seed times a million and the epoch, in 32 bits."""


class RecipeError(Exception):
    """A recipe that can't be used; the message names the file and the key."""


@dataclass(frozen=True)
class Limits:
    """From where to where a value makes sense; `above` the least, or from it on. What is no number makes none."""

    least: float
    most: float
    above: bool = False

    def check(self, name: str, value: float) -> None:
        """Raise RecipeError, naming the key, for a value outside."""
        if not (self.least < value <= self.most or (value == self.least and not self.above)):
            start = f"above {self.least:g}" if self.above else f"from {self.least:g}"
            raise RecipeError(f"{name} must be {start} to {self.most:g}, not {value:g}")


SHARE, ALMOST_ALL = Limits(0, 1), Limits(0, 0.9999)
LIMITS = {
    "ls_init_value": Limits(0, 10),
    "drop_path": Limits(0, 0.9),
    "teacher_weight": SHARE,
    "teacher_temperature": Limits(0, 1000, above=True),
    "teacher_features": Limits(0, 1000),
    "size": Limits(MIN_SIZE, MAX_SIZE),
    "first_size": Limits(0, MAX_SIZE),
    "first_epochs": Limits(0, 100_000),
    "epochs": Limits(1, 100_000),
    "scans_per_epoch": Limits(0, 10**9),
    "batch_size": Limits(1, 65_536),
    "balance": SHARE,
    "simulated_share": ALMOST_ALL,
    "outlier_share": ALMOST_ALL,
    "learning_rate": Limits(0, 100, above=True),
    "weight_decay": Limits(0, 10),
    "warmup_epochs": Limits(0, 100_000),
    "plateau_factor": SHARE,
    "plateau_patience": Limits(0, 100_000),
    "patience": Limits(1, 100_000),
    "clip_gradient": Limits(0, 10**6),
    "ema_decay": Limits(0, 0.999999),
    "label_smoothing": ALMOST_ALL,
    "flip": SHARE,
    "rotation_degrees": Limits(0, 180),
    "crop_smallest": Limits(0, 10, above=True),
    "crop_largest": Limits(0, 10, above=True),
    "crop_ratio": Limits(1, 10),
    "white_outside": SHARE,
    "jitter": Limits(0, 10),
    "gamma": Limits(0, 10),
    "speckle": Limits(0, 10),
    "noise": Limits(0, 10),
    "blur": SHARE,
    "blur_width": Limits(0, 20),
    "haze": SHARE,
    "erase": SHARE,
    "histogram": SHARE,
    "waves": SHARE,
    "motion": SHARE,
    "bend": SHARE,
    "cuts": SHARE,
    "marks": SHARE,
    "validation_share": ALMOST_ALL,
    "seed": Limits(0, MAX_SEED),
    "workers": Limits(0, 1024),
}
"""Of every key that is a number: far beyond what anybody trains with, so that what is outside is a slip."""


def _key(text: str) -> Any:
    """A key of the recipe, with what the command line says beside its option."""
    return field(metadata={"help": text})


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Every key is an option of `./retinote train`: `label_smoothing` is `--label-smoothing`.

    The files in `recipes/` hold a value for every key and say why.
    """

    architecture: str = _key("timm name of the network")
    pretrained: bool = _key("start from timm's pretrained weights")
    pretrained_file: str = _key("read the weights to start from out of this file")
    ls_init_value: float = _key("ConvNeXt layer scale at the start; 0 keeps timm's")
    drop_path: float = _key("stochastic depth rate")
    teacher: str = _key("model folder whose probabilities the network learns beside the labels")
    teacher_weight: float = _key("share of the loss that comes from the teacher")
    teacher_temperature: float = _key("softness of the teacher's probabilities")
    teacher_features: float = _key("weight of the teacher's feature maps beside its probabilities")
    teacher_sees: str = _key(
        "whether the teacher sees a scan augmented like the network, or with its own look"
    )

    size: int = _key("side of the square input, in pixels")
    first_size: int = _key("smaller side for the first epochs, which costs less; 0 for none")
    first_epochs: int = _key("epochs at the first size")
    epochs: int = _key("most epochs to train")
    scans_per_epoch: int = _key("scans drawn in an epoch; 0 for as many as there are")
    batch_size: int = _key("B-scans per optimisation step, over all processes")
    balance: float = _key("0 draws every scan equally often, 1 every label; between is between")
    simulated_share: float = _key("share of simulated scans among those drawn of a label that has real ones")
    outlier_share: float = _key("share of scans drawn that are outliers, where --outliers names some")

    optimizer: str = _key("timm name of the optimiser")
    learning_rate: float = _key("the optimiser's highest learning rate")
    weight_decay: float = _key("decay of the weights (not of biases and norms)")
    schedule: str = _key("how the learning rate falls")
    warmup_epochs: float = _key("epochs over which the learning rate rises from near 0")
    plateau_factor: float = _key("learning-rate factor on a plateau")
    plateau_patience: int = _key("epochs without a better validation before it")
    patience: int = _key("epochs without a better validation before stopping")
    best_by: str = _key("validation figure that makes an epoch the best")
    clip_gradient: float = _key("longest gradient, as a norm; 0 for any")
    ema_decay: float = _key("decay of the moving average of the weights; 0 for none")
    label_smoothing: float = _key("share of the target spread over all labels")

    flip: float = _key("probability of a horizontal flip")
    rotation_degrees: float = _key("largest rotation to either side")
    crop_smallest: float = _key("smallest share of the area that a crop keeps")
    crop_largest: float = _key("largest share; above 1 shows what lies outside the scan")
    crop_ratio: float = _key("largest stretch of one side of a crop against the other")
    white_outside: float = _key("probability that what lies outside the scan is white, not black")
    jitter: float = _key("range of brightness, contrast and saturation jitter")
    gamma: float = _key("range of the logarithm of a random gamma")
    speckle: float = _key("largest multiplicative noise, as a standard deviation")
    noise: float = _key("largest additive noise, as a standard deviation (white is 1)")
    blur: float = _key("probability of a blur of random width")
    blur_width: float = _key(
        "largest standard deviation of the blur, in pixels of 224; 0 mixes in a mean of 3 by 3"
    )
    haze: float = _key("largest noise in the dark parts of a scan (white is 1)")
    erase: float = _key("probability that a random box is painted over")
    histogram: float = _key("probability of taking on the grey values of another scan of the batch")
    waves: float = _key("probability of taking on the slow Fourier amplitudes of another scan of the batch")
    motion: float = _key("probability of steps, as eyes make that move")
    bend: float = _key("largest bending of the scan, as a share of its height")
    cuts: float = _key("probability of white, black or grey wedges and strips at the border")
    marks: float = _key("probability of text, boxes, scale bars and arrows burnt in")

    precision: str = _key("precision of the forward pass")
    validation_share: float = _key("share of patients kept for validation when the data name no split")
    seed: int = _key("seed of the split, the sampler and the augmentation")
    workers: int = _key("processes that read batches; 0 reads them in the training's own")

    def __post_init__(self) -> None:
        """Refuse values that no training can use; raises RecipeError naming the key."""
        hints = get_type_hints(type(self))
        for option in options():
            value, kind = getattr(self, option.name), hints[option.name]
            if kind is float and type(value) is int:
                object.__setattr__(self, option.name, float(value))
            elif type(value) is not kind:
                raise RecipeError(f"{option.name} must be of the kind {kind.__name__}, not {value!r}")
        for name, limits in LIMITS.items():
            limits.check(name, getattr(self, name))
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise RecipeError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.crop_smallest > self.crop_largest:
            raise RecipeError("crop_smallest must not be above crop_largest")
        if self.first_size and self.first_size < MIN_SIZE:
            raise RecipeError(f"first_size must be 0, or from {MIN_SIZE} pixels, not {self.first_size}")
        if self.first_epochs >= self.epochs:
            raise RecipeError(
                f"first_epochs must be below epochs: of {self.epochs} epochs {self.first_epochs} leave none at full size"
            )
        if bool(self.first_size) != bool(self.first_epochs):
            raise RecipeError("first_size and first_epochs go together: give both or neither")
        if bool(self.teacher) != bool(self.teacher_weight):
            raise RecipeError("teacher and teacher_weight go together: give both or neither")


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
    return Recipe(**{**values, **(changes or {})})


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
