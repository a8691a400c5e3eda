"""The recipe's optimiser and schedule of the learning rate."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim import create_optimizer_v2
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, SequentialLR

from training.recipe import Recipe, RecipeError

FIRST_SHARE = 0.01
"""The learning rate of the first step of a warm-up, relative to the highest."""


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; biases and norms don't decay.

    Raises RecipeError for a name that timm doesn't know, and for `layer_decay` with layers that timm can't order.

    With `layer_decay` a layer's rate is that of the layer behind it times this factor (K. Clark et al., "ELECTRA", ICLR
    2020, arXiv:2003.10555), so that what a pretrained network sees first changes least.
    """
    if recipe.layer_decay != 1 and not hasattr(network, "group_matcher"):
        raise RecipeError(
            f"timm doesn't say in which order the layers of {type(network).__name__} come: leave out --layer-decay"
        )
    layers = {} if recipe.layer_decay == 1 else {"layer_decay": recipe.layer_decay}
    try:
        optimizer: torch.optim.Optimizer = create_optimizer_v2(
            network,
            opt=recipe.optimizer,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            **layers,  # type: ignore[arg-type]
        )
    except (ValueError, AssertionError) as error:
        raise RecipeError(
            f"timm has no optimizer {recipe.optimizer!r}; adam, adamw and sgd are some"
        ) from error
    for group in optimizer.param_groups:
        group["lr"] *= group.get("lr_scale", 1.0)  # timm leaves it to its own schedules
    return optimizer


class LearningRate:
    """The schedule: a warm-up by steps, then a cosine by steps or a fall on plateaus by epochs."""

    def __init__(self, optimizer: torch.optim.Optimizer, recipe: Recipe, steps_per_epoch: int) -> None:
        self._optimizer = optimizer
        warmup_steps = round(recipe.warmup_epochs * steps_per_epoch)
        steps = recipe.epochs * steps_per_epoch
        by_step: list[Any] = []
        if warmup_steps:
            by_step.append(LinearLR(optimizer, FIRST_SHARE, total_iters=warmup_steps))
        if recipe.schedule == "cosine":
            by_step.append(CosineAnnealingLR(optimizer, max(1, steps - warmup_steps)))
        self._by_step = (
            SequentialLR(optimizer, by_step, [warmup_steps])
            if len(by_step) > 1
            else by_step[0]
            if by_step
            else None
        )
        self._plateau = (
            ReduceLROnPlateau(
                optimizer, mode="max", factor=recipe.plateau_factor, patience=recipe.plateau_patience
            )
            if recipe.schedule == "plateau"
            else None
        )

    @property
    def now(self) -> float:
        """The rate of the next step, of the layers that learn fastest."""
        return float(max(group["lr"] for group in self._optimizer.param_groups))

    def after_step(self) -> None:
        """Update the rate after a step of the optimiser."""
        if self._by_step is not None:
            self._by_step.step()

    def after_epoch(self, score: float) -> None:
        """Lower the rate when the validation score has not improved for the recipe's `plateau_patience`."""
        if self._plateau is not None:
            self._plateau.step(score)

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedules, for a checkpoint."""
        return {
            "by_step": self._by_step.state_dict() if self._by_step is not None else None,
            "plateau": self._plateau.state_dict() if self._plateau is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        if self._by_step is not None:
            self._by_step.load_state_dict(state["by_step"])
        if self._plateau is not None:
            self._plateau.load_state_dict(state["plateau"])
