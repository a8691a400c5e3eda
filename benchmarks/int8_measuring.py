"""Measures int8 for `bench int8`: `python -m benchmarks.int8_measuring PLAN` (JSON); the last line has the rows."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.engines import WARM_ROUNDS
from benchmarks.errors import BenchmarkError
from benchmarks.int8 import LAYERS, PROCESSOR_TIME, SPEED, TIME, condition
from benchmarks.models import give_int8, make_model
from handlers.card import ModelCard
from handlers.engines.choice import load_engine
from handlers.engines.engine import Engine
from handlers.engines.settings import COMPILED, INT8, EngineSettings
from handlers.gradcam import HeadGradCam
from handlers.int8_ranges import mlps
from handlers.network import load_network

LABEL = 1
ACTIVATED: dict[str, tuple[str, list[float], str]] = {"none": ("none", [], ""), "gelu": ("gelu", [], "none")}
"""By what follows a layer's product, the arguments of the kernel."""


def main(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that the plan asks for."""
    torch.set_num_threads(plan["threads"])
    model = make_model(Path(plan["folder"]) / plan["architecture"], architecture=plan["architecture"])
    give_int8(model)
    return whole(model, plan) + layers(model, plan)


def whole(model: Path, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Times of the whole network with its heat maps, by both engines."""
    head = HeadGradCam(load_network(model)[1].get_submodule("head"))
    engines = {}
    for name in (COMPILED, INT8):
        card, network = load_network(model)
        settings = EngineSettings(name, Path(plan["folder"]) / "engines", max(plan["batches"]))
        engines[name] = load_engine(model, card, network, torch.device("cpu"), settings)
        if not engines[name].description.startswith(name):
            raise BenchmarkError(f"{name} can't be had on this machine; its reason is above.")

    def explained(engine: Engine, images: torch.Tensor) -> object:
        return head.explain(engine(images), range(len(images)), [LABEL] * len(images))

    rows = []
    for batch in plan["batches"]:
        images = torch.randint(0, 256, (batch, 3, card.input.size, card.input.size), dtype=torch.uint8)
        subjects = {name: partial(explained, engine, images) for name, engine in engines.items()}
        size = condition(plan["architecture"], batch)
        clocks = {TIME: time.perf_counter, PROCESSOR_TIME: time.process_time}
        for name, times in interleaved(subjects, plan["rounds"], clocks).items():
            rows += [_row(name, size, metric, "ms", each) for metric, each in times.items()]
    return rows


def layers(model: Path, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Speed of the kernels of each size of pointwise layer, in bf16 and in int8, for eight scans or the largest batch.

    The first layer of an MLP has its GELU in the kernel, and in int8 gives uint8, as in the engines.
    """
    card, network = load_network(model)
    batch = min(8, max(plan["batches"]))
    found = []
    for (channels, wide), side in _sides(network, card).items():
        for inside, outside, after in ((channels, wide, "gelu"), (wide, channels, "none")):
            count = batch * side * side
            kernels = _kernels(count, inside, outside, after)
            times = interleaved(kernels, plan["rounds"], {TIME: time.perf_counter})
            operations = 2 * count * inside * outside
            size = f"{plan['architecture']}, {count} × {inside} by {inside} × {outside}"
            for name, each in times.items():
                rates = [operations / ms / 1e6 for ms in each[TIME]]
                found.append(_row(f"{LAYERS}, {name}", size, SPEED, "GOP/s", rates))
    return found


def _kernels(count: int, inside: int, outside: int, after: str) -> dict[str, Callable[[], object]]:
    """oneDNN's product of (count, inside) and (inside, outside) in both precisions."""
    values, plain = torch.rand(count, inside), nn.Linear(inside, outside)
    weight = plain.weight.detach()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16(), count)
    bias = plain.bias.detach()
    small = torch.ops.onednn.qlinear_prepack((127 * weight / weight.abs().max()).round().to(torch.int8), None)
    scales, zeros = torch.full((outside,), 0.01), torch.zeros(outside, dtype=torch.int64)
    post = ACTIVATED[after]
    result, scale = (torch.uint8, 0.01) if after == "gelu" else (torch.bfloat16, 1.0)
    return {
        "bf16": partial(
            torch.ops.mkldnn._linear_pointwise,
            values.bfloat16(),
            packed,
            bias.bfloat16(),
            post[0],
            [],
            post[2],
        ),
        "int8": partial(
            torch.ops.onednn.qlinear_pointwise,
            (255 * values).to(torch.uint8),
            *(1 / 255, 0, small, scales, zeros, bias, scale, 0, result, *post),
        ),
    }


def _sides(network: nn.Module, card: ModelCard) -> dict[tuple[int, int], int]:
    """By inputs and outputs of an MLP's first layer, the side of the map that it runs on."""
    sides: dict[tuple[int, int], int] = {}

    def keep(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        wide, channels = layer.weight.shape[:2]
        sides[channels, wide] = inputs[0].shape[2 if isinstance(layer, nn.Conv2d) else 1]

    handles = [mlp.fc1.register_forward_pre_hook(keep) for mlp in mlps(network).values()]
    with torch.inference_mode():
        network(torch.zeros(1, 3, card.input.size, card.input.size))
    for handle in handles:
        handle.remove()
    return sides


def interleaved(
    subjects: Mapping[str, Callable[[], object]], rounds: int, clocks: Mapping[str, Callable[[], float]]
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each subject by each clock, a value for each round, in turns."""
    times: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in clocks} for name in subjects}
    with torch.inference_mode():
        for number in range(WARM_ROUNDS + rounds):
            for name, subject in subjects.items():
                started = {metric: clock() for metric, clock in clocks.items()}
                subject()
                took = {metric: 1000 * (clock() - started[metric]) for metric, clock in clocks.items()}
                if number >= WARM_ROUNDS:
                    for metric, each in took.items():
                        times[name][metric].append(each)
    return times


def _row(subject: str, size: str, metric: str, unit: str, values: list[float]) -> dict[str, Any]:
    return {"subject": subject, "condition": size, "metric": metric, "unit": unit, "values": values}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))), flush=True)
