"""How many scans a second a training step gets, fed by Retinote's batches, by timm's loader, and by memory alone.

The same network, optimiser and precision for all, taking turns, so that what else the machine does meets all alike.
timm's loader is set up as its training script does by default (RandomResizedCrop, flip, jitter, PIL, workers); its
script itself is not part of its package and is not run here.

    .venv/bin/python benchmarks/training_throughput.py --out runs/throughput.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from handlers.card import InputSpec
from handlers.preprocessing import normalise_unit
from training.augmentation import Augmentation
from training.batches import training_batches
from training.data.manifest import read_scans
from training.hardware import Hardware
from training.networks import build, input_spec
from training.optimization import make_optimizer
from training.recipe import Recipe, load_recipe
from training.simulator import simulate

LABELS = ("CNV", "NORMAL")
Batch = tuple[torch.Tensor, torch.Tensor]


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="convnext_atto", help="timm name (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="input side (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="(default: %(default)s)")
    parser.add_argument("--scans", type=int, default=256, help="simulated scans (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="steps a turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_scans(Path(folder), options.scans)
        rates = measure(Path(folder), options)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    alone = medians["the step alone"]
    print(f"{'fed by':<28}{'scans/s':>9}{'spread':>18}{'of the step alone':>19}")
    for name, values in rates.items():
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:<28}{medians[name]:>9.1f}{spread:>18}{medians[name] / alone:>19.2f}")
    if options.out:
        facts = {"cores": len(os.sched_getaffinity(0)), "torch": torch.__version__, **vars(options)}
        options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"scans_per_second": rates, **facts}, indent=2, default=str) + "\n")


def write_scans(folder: Path, count: int) -> None:
    """Simulated scans in `train|val/LABEL/` folders, JPEG at their original size, so that decoding counts."""
    for split, share in (("train", count), ("val", 8)):
        for label in LABELS:
            drawn = simulate(label, share // len(LABELS), seed=len(split))
            (folder / split / label).mkdir(parents=True)
            for number, image in enumerate(drawn.images):
                cv2.imwrite(str(folder / split / label / f"{number}.jpg"), image)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    """Scans a second of each way to feed the step, a value per turn."""
    changes = {"architecture": options.arch, "pretrained": False, "size": options.size}
    recipe = load_recipe("modern", {**changes, "batch_size": options.batch_size})
    hardware = Hardware.detect()
    network = build(recipe, len(LABELS)).to(hardware.device).to(memory_format=torch.channels_last)
    spec = input_spec(network, options.size)
    step = make_step(network, make_optimizer(network, recipe), hardware)
    ours = {
        f"Retinote, {name}": retinote(
            folder, load_recipe(name, {**changes, "batch_size": options.batch_size}), spec
        )
        for name in ("published", "modern")
    }
    theirs = {
        f"timm's loader, {workers} worker(s)": timm_loader(folder, options, workers) for workers in (1, 2)
    }
    kept = next(ours["Retinote, published"])
    feeds = {"the step alone": itertools.repeat(kept), **ours, **theirs}
    rates: dict[str, list[float]] = {name: [] for name in feeds}
    for turn in range(options.rounds + 1):
        for name, feed in feeds.items():
            started = time.perf_counter()
            for _ in range(options.steps):
                step(*next(feed))
            rate = options.steps * options.batch_size / (time.perf_counter() - started)
            if turn:  # the first turn warms up
                rates[name].append(rate)
    return rates


def make_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, hardware: Hardware
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Forward, backward and update on normalised images and targets."""
    network.train()

    def step(images: torch.Tensor, targets: torch.Tensor) -> None:
        loss = nn.functional.cross_entropy(hardware.forward(network, images), targets.to(hardware.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def retinote(folder: Path, recipe: Recipe, spec: InputSpec) -> Iterator[Batch]:
    """Batches from the cache, augmented."""
    batches = training_batches(read_scans(folder), LABELS, recipe, folder / "cache")
    augment = Augmentation(recipe, recipe.size)
    generator = torch.Generator().manual_seed(0)
    while True:
        for squares, targets in batches:
            yield normalise_unit(augment(squares, generator), spec), targets


def timm_loader(folder: Path, options: argparse.Namespace, workers: int) -> Iterator[Batch]:
    """Batches as timm's training script makes them without a GPU."""
    from timm.data import create_dataset, create_loader

    loader = create_loader(
        create_dataset("", root=str(folder / "train"), is_training=True),
        input_size=(3, options.size, options.size),
        batch_size=options.batch_size,
        is_training=True,
        use_prefetcher=False,
        color_jitter=0.2,
        hflip=0.5,
        scale=(0.8, 1.0),
        num_workers=workers,
        persistent_workers=True,
        device=torch.device("cpu"),
    )
    while True:
        yield from loader


if __name__ == "__main__":
    main()
