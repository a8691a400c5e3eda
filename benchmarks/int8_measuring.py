"""Measures int8 for `bench int8`: `python -m benchmarks.int8_measuring PLAN` (JSON); the last line is the result."""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engines import WARM_ROUNDS
from benchmarks.int8 import LAYERS, TIME, WHOLE
from benchmarks.int8_network import Int8Pointwise, int8_network, pointwise_layers
from benchmarks.models import make_model
from benchmarks.scans import read_scans
from handlers.card import InputSpec, ModelCard
from handlers.engines.compiled import CompiledEngine
from handlers.engines.compiling import FREEZING
from handlers.engines.engine import Forward
from handlers.engines.serving_network import ServingNetwork
from handlers.gradcam import HeadGradCam
from handlers.network import load_network
from handlers.preprocessing import to_square
from imaging.decoding import decode

PER_LABEL, SEED = 8, 77
BATCH = 16
Row = dict[str, Any]


def main(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the parts that the plan names."""
    torch.set_num_threads(plan["threads"])
    result: dict[str, Any] = {"rows": [], "notes": []}
    if "speed" in plan["parts"]:
        store = Path(plan["folder"]) / "store"
        model = make_model(store, architecture=plan["architecture"])
        result["rows"] += layers(model, plan) + whole(model, plan)
        result["batches"] = plan["batches"]
        result["notes"].append("Speed: random weights, calibrated on noise.")
    if "answers" in plan["parts"]:
        answers, note = compared(Path(plan["model"]), plan["scans"])
        result["answers"] = answers
        result["rows"] += rows_of(answers, Path(plan["model"]))
        result["notes"].append(note)
    return result


def layers(model: Path, plan: Mapping[str, Any]) -> list[Row]:
    """Times of each shape of pointwise layer for the first batch size: in bf16, in int8 with quantising its input."""
    card, network = load_network(model)
    batch = plan["batches"][0]
    shapes = {
        (layer.weight.shape[1], layer.weight.shape[0]): (name, layer)
        for name, layer in pointwise_layers(network).items()
    }
    sides = _sides(network, card, shapes)
    found = []
    for channels, wide in shapes:
        side = sides[channels, wide]
        count = batch * side * side
        values = torch.rand(count, channels)
        plain = nn.Linear(channels, wide)
        int8 = Int8Pointwise(plain, torch.zeros(channels), torch.ones(channels))
        packed = torch.ops.mkldnn._reorder_linear_weight(plain.weight.detach().bfloat16(), count)
        bias = plain.bias.detach().bfloat16()
        half = values.bfloat16()
        quantised = (255 * values).to(torch.uint8)
        subjects: dict[str, Callable[[], object]] = {
            "bf16": partial(torch.ops.mkldnn._linear_pointwise, half, packed, bias, "none", [], ""),
            "int8": int8.product_of(quantised),
        }
        times = interleaved(subjects, plan["rounds"])
        operations = 2 * count * channels * wide
        condition = f"{count} × {channels} by {channels} × {wide}"
        for name, each in times.items():
            rates = [operations / ms / 1e6 for ms in each]
            found.append(_row(f"{LAYERS}, {name}", condition, "speed", "GOP/s", rates))
    return found


def _sides(
    network: nn.Module, card: ModelCard, shapes: Mapping[tuple[int, int], tuple[str, nn.Module]]
) -> dict[tuple[int, int], int]:
    """The side of the map that each shape of layer runs on."""
    sides: dict[tuple[int, int], int] = {}

    def keep(shape: tuple[int, int], inputs: torch.Tensor, is_map: bool) -> None:
        sides[shape] = inputs.shape[2 if is_map else 1]

    handles = [
        layer.register_forward_pre_hook(
            lambda module, inputs, shape=shape: keep(shape, inputs[0], isinstance(module, nn.Conv2d))
        )
        for shape, (_, layer) in shapes.items()
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, card.input.size, card.input.size))
    for handle in handles:
        handle.remove()
    return sides


def whole(model: Path, plan: Mapping[str, Any]) -> list[Row]:
    """Times of the whole network, compiled in bf16 and in int8."""
    folder, most = Path(plan["folder"]), max(plan["batches"])
    card, network = load_network(model)
    noise = torch.randint(0, 256, (2, 3, card.input.size, card.input.size), dtype=torch.uint8)
    networks = {
        "bf16": ServingNetwork(network, card.input, torch.bfloat16).eval(),
        "int8": int8_network(load_network(model)[1], card.input, torch.bfloat16, [noise]),
    }
    engines = {}
    for name, serving in networks.items():
        print(f"retinote: compiling the network in {name}", file=sys.stderr, flush=True)
        package = folder / f"{name}.pt2"
        compile_to(package, serving, card.input, most)
        engines[name] = CompiledEngine(package, max(2, most))
    rows = []
    for batch in plan["batches"]:
        images = torch.randint(0, 256, (batch, 3, card.input.size, card.input.size), dtype=torch.uint8)
        subjects = {
            name: lambda engine=engine, images=images: engine(images) for name, engine in engines.items()
        }
        for name, times in interleaved(subjects, plan["rounds"]).items():
            condition = f"{plan['architecture']}, batch {batch}"
            rows.append(_row(f"{WHOLE}, {name}", condition, TIME, "ms", times))
    return rows


def compile_to(package: Path, serving: ServingNetwork, spec: InputSpec, max_batch: int) -> None:
    """Compile a network as the model server does."""
    example = torch.zeros(max(2, max_batch), 3, spec.size, spec.size, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=max(2, max_batch))
    with torch.no_grad():
        program = torch.export.export(serving, (example,), dynamic_shapes=({0: batch},))
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(package), inductor_configs=FREEZING
        )


def compared(model: Path, scans: str | None) -> tuple[dict[str, Any], str]:
    """Answers and heat maps of the bundled model in int8 beside float32's, and a note on what they rest on."""
    card, network = load_network(model)
    head = HeadGradCam(copy.deepcopy(network.get_submodule("head")))
    calibration = list(torch.split(torch.stack(list(simulated(card.input))), BATCH))
    contents = read_scans(Path(scans)) if scans else None
    exact = ServingNetwork(network, card.input, torch.float32).eval()
    small = int8_network(load_network(model)[1], card.input, torch.bfloat16, calibration)
    parts = calibration if contents is None else pixels_of(contents, card.input)
    differences, others, correlations = [], [], []
    for pixels in parts:
        with torch.inference_mode():
            expected, ours = (Forward.of(each(pixels)) for each in (exact, small))
        first, second = ((each.logits / card.temperature).softmax(1) for each in (expected, ours))
        labels = first.argmax(1).tolist()
        differences += (first - second).abs().amax(1).tolist()
        others += (second.argmax(1) != first.argmax(1)).tolist()
        maps = [head.explain(each, range(len(labels)), labels) for each in (expected, ours)]
        correlations += [correlation(*pair) for pair in zip(*maps, strict=True)]
    answers = {
        "scans": len(differences),
        "other_labels": float(np.mean(others)),
        "difference": float(np.quantile(differences, 0.99)),
        "largest": float(np.max(differences)),
        "correlation": float(np.mean(correlations)),
        "least_correlation": float(np.min(correlations)),
    }
    origin = "the simulated scans of the calibration" if contents is None else "scans of --scans"
    note = (
        f"Answers: {card.name} {card.version}, {len(differences)} {origin}; calibrated on {PER_LABEL} simulated scans "
        "of each label."
    )
    return answers, note


def simulated(spec: InputSpec) -> Iterator[torch.Tensor]:
    """Simulated scans as pixels (3, size, size)."""
    import tempfile

    from training.simulator.labels import LABELS as KNOWN
    from training.simulator.writing import IMAGES, Order, write_set

    with tempfile.TemporaryDirectory(prefix="retinote-int8-") as name:
        write_set(Order(Path(name), tuple(KNOWN), PER_LABEL, seed=SEED), workers=1)
        for content in read_scans(Path(name) / IMAGES):
            yield to_square(decode(content).pixels, spec.size)


def pixels_of(contents: Sequence[bytes], spec: InputSpec) -> Iterator[torch.Tensor]:
    """Scans as batches of pixels."""
    for start in range(0, len(contents), BATCH):
        yield torch.stack(
            [to_square(decode(content).pixels, spec.size) for content in contents[start : start + BATCH]]
        )


def rows_of(answers: Mapping[str, Any], model: Path) -> list[Row]:
    """The answers' differences as rows."""
    condition = f"{model.parent.name} {model.name}, {answers['scans']} scans"
    named = {
        "other_labels": ("other first label", "of 1"),
        "difference": ("difference of a probability, 99 % below", ""),
        "largest": ("greatest difference of a probability", ""),
        "correlation": ("correlation of heat maps, mean", ""),
        "least_correlation": ("correlation of heat maps, least", ""),
    }
    return [
        _row("int8 beside fp32", condition, metric, unit, [answers[key]])
        for key, (metric, unit) in named.items()
    ]


def correlation(ours: Any, expected: Any) -> float:
    """Pearson's correlation of two maps; of maps without any contrast it is 1 if both are so, else 0."""
    if not ours.std() or not expected.std():
        return float(ours.std() == expected.std())
    return float(np.corrcoef(ours.ravel(), expected.ravel())[0, 1])


def interleaved(subjects: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each subject, a value for each round, in turns."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    with torch.inference_mode():
        for number in range(WARM_ROUNDS + rounds):
            for name, subject in subjects.items():
                started = time.perf_counter()
                subject()
                if number >= WARM_ROUNDS:
                    times[name].append(1000 * (time.perf_counter() - started))
    return times


def _row(subject: str, condition: str, metric: str, unit: str, values: Sequence[float]) -> Row:
    return {
        "subject": subject,
        "condition": condition,
        "metric": metric,
        "unit": unit,
        "values": list(values),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))), flush=True)
