"""Accelerate, which brings a training to GPUs, processes and machines."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration

from training.hardware import Hardware
from training.recipe import Recipe


def make_accelerator(recipe: Recipe) -> Accelerator:
    """Accelerate, set up for the hardware, the launcher (one process or several) and the recipe's precision."""
    precision = recipe.precision
    if precision == "auto":
        kind = Hardware.detect().autocast
        precision = {torch.bfloat16: "bf16", torch.float16: "fp16", None: "fp32"}[kind]
    return Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        cpu=not torch.cuda.is_available(),
        dataloader_config=DataLoaderConfiguration(
            split_batches=True,
            use_seedable_sampler=False,
            # Batches lie in pinned memory when there is a GPU (`batches`), so their copies need not be waited for.
            non_blocking=torch.cuda.is_available(),
        ),
    )
