"""The network a recipe asks for, with pretrained weights or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
from torch import nn

from training.recipe import Recipe


class WeightsError(Exception):
    """Pretrained weights that can't be had; the message says how to go on without them."""


def build(recipe: Recipe, label_count: int) -> nn.Module:
    """A timm network with a new classifier for `label_count` labels.

    Raises WeightsError when the architecture is unknown or its pretrained weights can't be loaded.
    """
    if not timm.is_model(recipe.architecture):
        near = ", ".join(timm.list_models(f"*{recipe.architecture.split('_')[0]}*")[:8])
        raise WeightsError(f"timm knows no {recipe.architecture!r}" + (f"; it has {near} …" if near else ""))
    extra: dict[str, Any] = {}
    if recipe.ls_init_value:
        extra["ls_init_value"] = recipe.ls_init_value
    if recipe.pretrained_file:
        if not Path(recipe.pretrained_file).is_file():
            raise WeightsError(f"there is no file {recipe.pretrained_file} to read pretrained weights from")
        extra["pretrained_cfg_overlay"] = {"file": recipe.pretrained_file}
    pretrained = recipe.pretrained or bool(recipe.pretrained_file)
    try:
        network: nn.Module = timm.create_model(
            recipe.architecture,
            pretrained=pretrained,
            num_classes=label_count,
            drop_path_rate=recipe.drop_path,
            **extra,
        )
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise WeightsError(
            f"the pretrained weights of {recipe.architecture} can't be loaded "
            f"({str(error).splitlines()[0]}); train from scratch with --no-pretrained, "
            "or name a weights file with --pretrained-file"
        ) from error
    return network
