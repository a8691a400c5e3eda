"""`./retinote bench training`: scans a second of a training step fed by Retinote's batches, timm's loader, or memory.

Network, optimiser and precision are the same for all. They take turns, so that other work of the machine affects all
alike. timm's loader is set up as in timm's training script (RandomResizedCrop, flip, jitter, PIL, workers). The script
itself is not part of timm's package: with `--timm-script` it is run, beside `./retinote train`
(`benchmarks.training_scripts`).
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.training_scripts import SCRIPT_WORKERS

if TYPE_CHECKING:
    import torch
    from torch import nn

    from handlers.card import InputSpec
    from training.hardware import Hardware
    from training.recipe import Recipe

    Batch = tuple[torch.Tensor, torch.Tensor]

LABELS = ("CNV", "NORMAL")
VALIDATION_SCANS = 8
ALONE = "the step alone"
RECIPES, WORKERS = ("published", "modern"), (1, 2)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--arch", default="convnext_atto", help="timm name (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="input side (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="(default: %(default)s)")
    parser.add_argument("--scans", type=int, default=256, help="simulated scans (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="steps a turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: %(default)s)")
    parser.add_argument(
        "--timm-script",
        type=Path,
        metavar="FILE",
        help="train.py of a checkout of github.com/huggingface/pytorch-image-models: compare whole trainings instead, "
        "./retinote train beside this script",
    )
    parser.add_argument(
        "--timm-workers",
        nargs="+",
        type=int,
        default=SCRIPT_WORKERS,
        metavar="N",
        help="loader processes of the script; its best counts (default: 0, 1 and 2)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=4,
        help="of each whole training, the first warms up (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write training.json. Raises BenchmarkError when the numbers make no sense."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report

    if min(arguments.steps, arguments.rounds) < 1 or arguments.scans < arguments.batch_size:
        raise BenchmarkError(
            "--steps and --rounds: at least 1 is needed; --scans: at least as many as a batch has."
        )
    if arguments.epochs < 2:
        raise BenchmarkError("--epochs: at least 2 are needed, as the first warms up.")
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        write_scans(Path(name), arguments.scans)
        if arguments.timm_script is not None:
            return _compare_scripts(Path(name), arguments)
        rates = measure(Path(name), arguments)
    report = Report("Feeding a training step")
    condition = f"{arguments.arch}, {arguments.size} pixels, batches of {arguments.batch_size}"
    rows = {
        name: report.add(name, condition, "throughput", "scans/s", values) for name, values in rates.items()
    }
    for name, row in rows.items():
        report.add(name, condition, "share of the step alone", "", [row.median / rows[ALONE].median])
    print(report.text())
    report.save(arguments.out / "training.json")
    return 0


def _compare_scripts(folder: Path, arguments: argparse.Namespace) -> int:
    """Run both scripts, print, and write training-scripts.json; returns 0. Raises BenchmarkError."""
    import torch

    from benchmarks.report import Goal, Report
    from benchmarks.training_scripts import OURS, Task, measure_scripts
    from training.hardware import Hardware

    task = Task(
        folder=folder,
        architecture=arguments.arch,
        size=arguments.size,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        precision="bf16" if Hardware.detect().autocast is torch.bfloat16 else "fp32",
    )
    report = Report("Whole trainings")
    condition = f"{task.architecture}, {task.size} pixels, batches of {task.batch_size}, {task.precision}"
    rates = measure_scripts(task, arguments.timm_script.absolute(), arguments.rounds, arguments.timm_workers)
    for name, values in rates.items():
        report.add(name, condition, "throughput", "scans/s", values)
    best = max(row.median for row in report.rows if row.subject != OURS)
    ours = report.find(OURS, condition, "throughput").median
    report.goals.append(Goal(f"{OURS} / timm's train.py at its best", ours / best, 1.0, at_least=True))
    report.notes.append("Medians of the epochs after the first, training alone: validation is not counted.")
    print(report.text())
    report.save(arguments.out / "training-scripts.json")
    return 0


def write_scans(folder: Path, count: int) -> None:
    """Write simulated scans to `train|val/LABEL/` folders, as JPEG at full size, so that decoding is measured too."""
    import cv2

    from training.simulator import simulate

    for split, share in (("train", count), ("val", VALIDATION_SCANS)):
        for label in LABELS:
            drawn = simulate(label, share // len(LABELS), seed=len(split))
            (folder / split / label).mkdir(parents=True)
            for number, image in enumerate(drawn.images):
                cv2.imwrite(str(folder / split / label / f"{number}.jpg"), image)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    """Scans a second of each way to feed the step, a value for each turn."""
    import torch

    from training.hardware import Hardware
    from training.networks import build, input_spec
    from training.optimization import make_optimizer
    from training.recipe import load_recipe

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
        for name in RECIPES
    }
    theirs = {
        f"timm's loader, {workers} worker(s)": timm_loader(folder, options, workers) for workers in WORKERS
    }
    kept = next(ours[f"Retinote, {RECIPES[0]}"])
    feeds = {ALONE: itertools.repeat(kept), **ours, **theirs}
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
    """A function that does a forward pass, a backward pass and an update on normalised images and targets."""
    from torch import nn

    network.train()

    def step(images: torch.Tensor, targets: torch.Tensor) -> None:
        loss = nn.functional.cross_entropy(hardware.forward(network, images), targets.to(hardware.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def retinote(folder: Path, recipe: Recipe, spec: InputSpec) -> Iterator[Batch]:
    """Retinote's batches: from the cache, augmented."""
    import torch

    from handlers.preprocessing import normalise_unit
    from training.augmentation import Augmentation
    from training.batches import training_batches
    from training.data.reading import read_scans

    batches = training_batches(read_scans(folder), LABELS, recipe, folder / "cache")
    augment = Augmentation(recipe, recipe.size)
    generator = torch.Generator().manual_seed(0)
    while True:
        for images, targets in batches:
            yield normalise_unit(augment(images, generator), spec), targets


def timm_loader(folder: Path, options: argparse.Namespace, workers: int) -> Iterator[Batch]:
    """Batches as timm's training script makes them without a GPU."""
    import torch
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
