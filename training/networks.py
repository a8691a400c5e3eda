"""The network a recipe asks for, with pretrained weights or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from timm.models import load_state_dict
from torch import nn

from handlers.card import STRETCH, InputSpec
from handlers.gradcam import grad_cam
from handlers.load_errors import one_line
from handlers.network import NetworkError, fit_to
from training.recipe import Recipe


class WeightsError(Exception):
    """A network or its pretrained weights that can't be used; the message says what to choose instead."""


def build(recipe: Recipe, label_count: int) -> nn.Module:
    """A timm network with a classifier for `label_count` labels.

    The classifier of a weights file is kept if it has as many labels, so that a training can start from another one.
    Raises WeightsError when timm doesn't know the architecture, when it can't have the recipe's size, or when the
    pretrained weights can't be loaded.
    """
    if not timm.is_model(recipe.architecture):
        near = ", ".join(timm.list_models(f"*{recipe.architecture.split('_')[0]}*")[:8])
        raise WeightsError(f"timm knows no {recipe.architecture!r}" + (f"; it has {near} …" if near else ""))
    extra: dict[str, Any] = {}
    if recipe.ls_init_value and "convnext" in recipe.architecture:
        extra["ls_init_value"] = recipe.ls_init_value
    if recipe.drop_path:
        extra["drop_path_rate"] = recipe.drop_path
    if recipe.pretrained_file:
        extra["pretrained_cfg_overlay"] = _overlay(recipe, label_count)
    pretrained = recipe.pretrained or bool(recipe.pretrained_file)
    try:
        network = _created(recipe, pretrained, num_classes=label_count, **extra)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise WeightsError(
            f"the pretrained weights of {recipe.architecture} can't be loaded "
            f"({str(error).splitlines()[0]}); train from scratch with --no-pretrained, "
            "or name a weights file with --pretrained-file"
        ) from error
    try:
        fit_to(network, recipe.size)
    except NetworkError as error:
        raise WeightsError(
            f"{recipe.architecture}: {error}; choose another --size or another --arch"
        ) from error
    return network


def _created(recipe: Recipe, pretrained: bool, **options: Any) -> nn.Module:
    """The network as timm makes it; a vision transformer that begins smaller brings what it knows of places along."""
    if recipe.first_size:
        try:
            network: nn.Module = timm.create_model(
                recipe.architecture, pretrained=pretrained, dynamic_img_size=True, **options
            )
        except TypeError:  # all that are no vision transformers take other sizes anyway, or never
            pass
        else:
            return network
    network = timm.create_model(recipe.architecture, pretrained=pretrained, **options)
    return network


def input_spec(network: nn.Module, size: int, resize: str = STRETCH) -> InputSpec:
    """The network's input: `size` × `size` pixels, normalised as timm says for this network."""
    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    return InputSpec(size=size, mean=tuple(config["mean"]), std=tuple(config["std"]), resize=resize)


def refuse_unservable(network: nn.Module, recipe: Recipe) -> None:
    """Raise WeightsError when the network could not be evaluated or served after its training.

    It must take inputs of the recipe's sizes and have a heat map at the last. It is left in evaluation mode.
    """
    name = recipe.architecture
    try:
        explainer = grad_cam(network)
    except NetworkError as error:
        raise WeightsError(
            f"{name} can be trained, but not served: {error}; choose another --arch"
        ) from error
    for size in dict.fromkeys((recipe.size, recipe.first_size or recipe.size)):
        try:
            forward = explainer.forward(torch.zeros(2, 3, size, size))
            if size != recipe.size:
                continue
            maps = explainer.explain(forward, [0, 1], [0, 1])
        except (AssertionError, RuntimeError, ValueError, TypeError) as error:
            if size != recipe.size:
                raise WeightsError(
                    f"{name} for squares of {recipe.size} pixels takes none of {size} ({one_line(error)}): "
                    "choose another --first-size, or leave out --first-size and --first-epochs"
                ) from error
            needed = getattr(network, "default_cfg", {}).get("input_size", (3, 0, 0))[1]
            raise WeightsError(
                f"{name} takes no squares of {size} pixels ({one_line(error)}); "
                f"it was made for {needed}: choose another --size or another --arch"
            ) from error
        if maps.ndim != 3:
            raise WeightsError(f"{name} can be trained, but has no heat map; choose another --arch")


def _overlay(recipe: Recipe, label_count: int) -> dict[str, Any]:
    """timm's settings for a weights file: its path, and the count of labels if its classifier is to be kept."""
    file = Path(recipe.pretrained_file)
    if not file.is_file():
        raise WeightsError(f"there is no file {file} to read pretrained weights from")
    try:
        weights = load_state_dict(str(file), weights_only=True)
    except Exception as error:  # readers of safetensors, pickles and zip files have no error class in common
        raise WeightsError(f"{file} holds no weights that can be read ({error})") from error
    bare: nn.Module = timm.create_model(recipe.architecture, num_classes=label_count)
    classifier: nn.Module = bare.get_classifier()  # type: ignore[operator]
    name = next(name for name, module in bare.named_modules() if module is classifier)
    stored = weights.get(f"{name}.weight")
    ours = stored is not None and len(stored) == label_count
    return {"file": str(file), **({"num_classes": label_count} if ours else {})}
