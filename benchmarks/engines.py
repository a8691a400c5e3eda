"""Measures engines and explainers on the same network in one process: `python -m benchmarks.engines PLAN` (JSON).

Each round runs all subjects once, so that other work of the machine affects all alike. The result is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.inference import FORWARD, JUDGED, OURS, PAIR, RIVALS
from handlers.card import ModelCard
from handlers.engines.choice import load_engine
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Forward
from handlers.engines.openvino import OpenVinoEngine
from handlers.engines.serving_network import ServingNetwork, fast_precision, precision_name
from handlers.engines.settings import EngineSettings
from handlers.gradcam import HeadGradCam
from handlers.limits import likenesses, limits
from handlers.network import load_network, load_statistics
from handlers.preprocessing import normalise

WARM_ROUNDS = 2
PEAK_SIDES = {"cpu": 4096, "cuda": 8192}
"""Side of a square matrix that is large enough to keep the device busy."""
SMALLEST_SIDE = 256
LONGEST_PRODUCT_S = 2.0
"""A precision that a processor has no instructions for is a hundred times slower; smaller matrices keep it busy, too."""
PEAK_ROUNDS = 5
LABEL = 1
Run = Callable[[torch.Tensor], object]


def main(plan: dict[str, Any]) -> None:
    """Measure what the plan says."""
    torch.set_num_threads(plan["threads"])
    device = torch.device(plan["device"])
    folder = Path(plan["model"])
    card, network = load_network(folder)
    notes: list[str] = []
    settings = EngineSettings(cache=Path(plan["cache"]), max_batch=max(plan["batches"]))
    engine = load_engine(folder, card, load_network(folder)[1], device, settings)
    precision = fast_precision(device)
    fast = precision_name(precision)
    notes.append(f"{OURS} here: {engine.description}. The matrix product and {RIVALS[0]} are {fast}, too.")
    if device.type == "cuda":
        notes.append(f"GPU: {torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    gflop_per_scan = operations(network, card) / 1e9
    network.to(device)
    head = HeadGradCam(network.get_submodule("head"))
    statistics = load_statistics(folder, card, network)
    assert statistics is not None
    probabilities = dict.fromkeys(card.labels, 1 / len(card.labels))
    forward = engine(torch.zeros(1, 3, card.input.size, card.input.size, dtype=torch.uint8))

    def explained(images: torch.Tensor) -> object:
        nonlocal forward
        count = len(images)
        forward = engine(images)
        return head.explain(forward, range(count), [LABEL] * count)

    def judged(_images: torch.Tensor) -> object:
        """Judge the forward pass before, including the pooling of its features."""
        fresh = Forward(forward.logits, forward.features)
        assert fresh.pooled is not None
        return [
            limits(card, likeness, None, probabilities, card.labels[0], acceptable=True)
            for likeness in likenesses(statistics, fresh.pooled)
        ]

    subjects: dict[str, Run] = {
        f"{OURS}: {FORWARD}": engine,
        f"{OURS}: {PAIR}": explained,
        f"{OURS}: {JUDGED}": judged,
    }
    if not plan["alone"]:
        subjects |= others(folder, card, network, device, plan["threads"])
    times: dict[int, dict[str, list[float]]] = {}
    for batch in plan["batches"]:
        images = torch.randint(0, 256, (batch, 3, card.input.size, card.input.size), dtype=torch.uint8)
        times[batch] = measure(subjects, images, plan["rounds"], device)
    print(
        json.dumps(
            {
                "times_ms": times,
                "peak_gflops": matrix_peak(device, precision),
                "gflop_per_scan": gflop_per_scan,
                "notes": notes,
            }
        )
    )


def others(
    folder: Path, card: ModelCard, network: nn.Module, device: torch.device, threads: int
) -> dict[str, Run]:
    """What a user could use instead of our engine and explainer."""
    fast = precision_name(fast_precision(device))
    subjects: dict[str, Run] = {
        f"eager fp32: {FORWARD}": EagerEngine(load_network(folder)[1], card.input, device, torch.float32),
        f"eager {fast}: {FORWARD}": EagerEngine(load_network(folder)[1], card.input, device),
    }
    if device.type == "cpu":
        subjects |= {
            f"{RIVALS[0]}: {FORWARD}": OpenVinoEngine(load_network(folder)[1], card.input),
            f"{RIVALS[1]}: {FORWARD}": onnx_runtime(load_network(folder)[1], card, folder, threads),
        }
    # These come last: threads of OpenVINO and ONNX Runtime spin for a while, and would slow the start of a round.
    return subjects | {
        f"pytorch-grad-cam fp32: {PAIR}": pytorch_grad_cam(network, card, device),
        f"captum fp32: {PAIR}": captum(load_network(folder)[1].to(device), card, device),
    }


def measure(
    subjects: dict[str, Run], images: torch.Tensor, rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Milliseconds of each subject in each round, from images in the CPU's memory to the finished answer."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(WARM_ROUNDS + rounds):
        for name, run in subjects.items():
            started = time.perf_counter()
            run(images)
            _finish(device)
            if number >= WARM_ROUNDS:
                times[name].append(1000 * (time.perf_counter() - started))
    return times


def onnx_runtime(network: nn.Module, card: ModelCard, folder: Path, threads: int) -> Run:
    """The network in ONNX Runtime, float32, with the optimisations that are on by default."""
    import onnxruntime

    path = folder / "network.onnx"
    example = torch.zeros(2, 3, card.input.size, card.input.size, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=64)
    serving = ServingNetwork(network, card.input, torch.float32).eval()
    with torch.no_grad():
        torch.onnx.export(
            serving, (example,), str(path), dynamo=True, dynamic_shapes=({0: batch},), verbose=False
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images.numpy()})


def pytorch_grad_cam(network: nn.Module, card: ModelCard, device: torch.device) -> Run:
    """pytorch-grad-cam as its README uses it."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    explainer = GradCAM(model=network, target_layers=[network.stages[-1]])  # type: ignore[index]
    return lambda images: explainer(
        normalise(images.to(device), card.input), [ClassifierOutputTarget(LABEL)] * len(images)
    )


def captum(network: nn.Module, card: ModelCard, device: torch.device) -> Run:
    """captum's LayerGradCam, and the forward pass that gives the label."""
    from captum.attr import LayerGradCam

    explainer = LayerGradCam(network, network.stages[-1])  # type: ignore[index]

    def run(images: torch.Tensor) -> object:
        normalised = normalise(images.to(device), card.input)
        with torch.inference_mode():
            network(normalised)
        return explainer.attribute(normalised, target=LABEL, relu_attributions=True)

    return run


def operations(network: nn.Module, card: ModelCard) -> float:
    """Floating-point operations of a forward pass as PyTorch counts them: two for each multiply-accumulate."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, card.input.size, card.input.size))
    return float(counter.get_total_flops())


def matrix_peak(device: torch.device, precision: torch.dtype) -> list[float]:
    """GFLOP/s of large matrix products, which no network of that precision can exceed on this machine."""
    side = peak_side(device, precision, LONGEST_PRODUCT_S)
    times = np.asarray(_product_times(side, PEAK_ROUNDS + 1, device, precision)[1:])
    return [float(rate) for rate in 2 * side**3 / times / 1e9]


def peak_side(device: torch.device, precision: torch.dtype, longest_s: float) -> int:
    """The side of the largest square matrices, up to PEAK_SIDES, whose product should take no more than `longest_s`."""
    side = SMALLEST_SIDE
    while 2 * side <= PEAK_SIDES[device.type]:
        if 2**3 * min(_product_times(side, 2, device, precision)) > longest_s:
            break
        side *= 2
    return side


def _product_times(side: int, rounds: int, device: torch.device, precision: torch.dtype) -> list[float]:
    left, right = (torch.randn(side, side, dtype=precision, device=device) for _ in range(2))
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        left @ right
        _finish(device)
        times.append(time.perf_counter() - started)
    return times


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
