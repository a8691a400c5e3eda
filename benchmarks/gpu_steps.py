"""The steps of `bench gpu`: `python -m benchmarks.gpu_steps STEP PLAN` (JSON), whose last line is the result as JSON."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engines import matrix_peak, operations
from benchmarks.gpu import CLIENTS, PEAK, SERVED, TRAINING, Plan
from benchmarks.models import make_model
from benchmarks.scans import read_images
from handlers.card import InputSpec, ModelCard
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Forward
from handlers.engines.serving_network import ServingNetwork, precision_name
from handlers.gradcam import HeadGradCam
from handlers.network import load_network
from handlers.preprocessing import to_square
from imaging.decoding import decode

Outputs = tuple[torch.Tensor, ...]
Run = Callable[[torch.Tensor], Outputs]
PARTS = 5
"""Parts of a measurement, each of which gives a value."""
WARM_RUNS = 3
REQUEST_TIMEOUT_S = 60
EPOCHS = 3
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GRAPHS_NEED = "CUDA graphs need an NVIDIA GPU"


class ContiguousNetwork(ServingNetwork):
    """The network with its images and weights channels first, to see what channels last brings."""

    def __init__(self, network: nn.Module, spec: InputSpec, precision: torch.dtype) -> None:
        super().__init__(network, spec, precision)
        self.network.to(memory_format=torch.contiguous_format)

    def forward(self, pixels: torch.Tensor) -> Outputs:
        features, _ = self._features(pixels.float() * self.scale + self.shift)
        logits: torch.Tensor = self.network.forward_head(features.float())  # type: ignore[operator]
        return logits, features.float()


class Graphed:
    """Replays a CUDA graph of a network for each size of batch that comes."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self._run, self._device = run, device
        self._graphs: dict[torch.Size, tuple[torch.cuda.CUDAGraph, torch.Tensor, Outputs]] = {}

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        if pixels.shape not in self._graphs:
            self._graphs[pixels.shape] = self._record(pixels)
        graph, images, outputs = self._graphs[pixels.shape]
        images.copy_(pixels)
        graph.replay()
        return tuple(output.clone() for output in outputs)  # the next replay overwrites them

    def _record(self, pixels: torch.Tensor) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, Outputs]:
        images = pixels.to(self._device, copy=True)
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            # Libraries choose their kernels and take their memory in the first runs, which can't be recorded.
            for _ in range(WARM_RUNS):
                self._run(images)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._run(images)
        return graph, images, outputs


def main(step: str, plan: Plan) -> dict[str, Any]:
    """Run one step; returns its result."""
    if step == SERVED:
        return served(plan)
    if step == TRAINING:
        return training(plan)
    device = torch.device(plan.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        # float32 is to be float32 here, as it is what the other precisions are compared with.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if step == PEAK:
        return peak(device)
    if step == "graphs" and device.type != "cuda":
        return {"notes": [f"graphs: not measured, {GRAPHS_NEED}."]}
    if step == "fp16" and device.type != "cuda":
        return {"notes": ["fp16: not measured, a CPU without half floats takes minutes for it."]}
    return way(step, plan, device)


def peak(device: torch.device) -> dict[str, Any]:
    """TFLOP/s of large matrix products in each precision, and what the device is."""
    notes = [f"torch {torch.__version__}, CUDA {torch.version.cuda}"]
    if device.type == "cuda":
        facts = torch.cuda.get_device_properties(device)
        notes.append(
            f"{facts.name}, compute capability {facts.major}.{facts.minor}, {facts.total_memory / 2**30:.0f} GiB"
        )
    rates = {
        name: [rate / 1000 for rate in matrix_peak(device, precision)]
        for name, precision in PRECISIONS.items()
    }
    return {"tflops": rates, "notes": notes}


def way(step: str, plan: Plan, device: torch.device) -> dict[str, Any]:
    """One way to run the network: its answers beside float32's on the CPU, and its speed."""
    precision = PRECISIONS.get(step.partition("-")[0], torch.bfloat16)
    model = Path(plan.model)
    card, network = load_network(model)
    pixels = scans_of(plan, card.input)
    expected = forward_of(EagerEngine(network, card.input, torch.device("cpu"), torch.float32), pixels)
    run, _ = runner(step, model, precision, device)
    answers = compare(model, card, forward_of(run, pixels), expected)
    speed_model = make_model(Path(plan.folder) / f"store-{step}", architecture=plan.architecture)
    run, card = runner(step, speed_model, precision, device)
    rows = []
    # Each size is compiled anew, for up to a minute.
    batches = {min(plan.batches), max(plan.batches)} if step == "compile" else plan.batches
    for batch in sorted(batches):
        images = torch.randint(0, 256, (batch, 3, card.input.size, card.input.size), dtype=torch.uint8)
        for where, given in (("from the CPU's memory", images), ("on the device", images.to(device))):
            rows.append(
                {
                    "condition": f"{plan.architecture}, batch {batch}, {where}",
                    "metric": "throughput",
                    "unit": "images/s",
                    "values": rates(run, given, device, plan.seconds),
                }
            )
    if device.type == "cuda":
        peak_mib = torch.cuda.max_memory_allocated(device) / 2**20
        rows.append(
            {"condition": "all batches", "metric": "memory of the GPU", "unit": "MiB", "values": [peak_mib]}
        )
    return {
        "precision": precision_name(precision),
        "gflop_per_scan": operations(load_network(speed_model)[1], card) / 1e9,
        "answers": answers,
        "rows": rows,
    }


def runner(step: str, model: Path, precision: torch.dtype, device: torch.device) -> tuple[Run, ModelCard]:
    """What runs a model's network on pixels in the way of a step, and the model's card."""
    card, network = load_network(model)
    if step == "bf16-contiguous":
        serving: ServingNetwork = ContiguousNetwork(network, card.input, precision)
    else:
        serving = ServingNetwork(network, card.input, precision)
    serving = serving.to(device)
    serving.cast_once()
    inner: Callable[[torch.Tensor], Outputs] = serving
    if step == "compile":
        inner = torch.compile(serving, dynamic=False)

    @torch.inference_mode()
    def run(pixels: torch.Tensor) -> Outputs:
        return inner(pixels.to(device))

    return (Graphed(run, device) if step == "graphs" else run), card


def scans_of(plan: Plan, spec: InputSpec) -> torch.Tensor:
    """Simulated scans as the model server's pixels, uint8 (scans, 3, size, size); the same for each step."""
    folder = Path(plan.folder) / "scans"
    images, _ = read_images(folder if folder.is_dir() else None, folder)
    return torch.stack([to_square(decode(image).pixels, spec.size) for image in images[: plan.scans]])


def forward_of(run: Callable[[torch.Tensor], Any], pixels: torch.Tensor) -> Forward:
    """The results for all pixels, in batches of 8, on the CPU."""
    parts = [run(part) for part in torch.split(pixels, 8)]
    both = [(part.logits, part.features) if isinstance(part, Forward) else part[:2] for part in parts]
    return Forward(
        *(torch.cat([values.float().cpu() for values in each]) for each in zip(*both, strict=True))
    )


def compare(model: Path, card: ModelCard, ours: Forward, expected: Forward) -> dict[str, Any]:
    """How far answers and heat maps lie from the expected ones."""
    probabilities = [(forward.logits / card.temperature).softmax(1) for forward in (ours, expected)]
    labels = probabilities[1].argmax(1)
    explainer = HeadGradCam(load_network(model)[1].get_submodule("head"))
    maps = [explainer.explain(forward, range(len(labels)), labels.tolist()) for forward in (ours, expected)]
    return {
        "scans": len(labels),
        "difference": float((probabilities[0] - probabilities[1]).abs().max()),
        "other_label": int((probabilities[0].argmax(1) != labels).sum()),
        "correlation": min(correlation(*pair) for pair in zip(*maps, strict=True)),
    }


def correlation(ours: Any, expected: Any) -> float:
    """Pearson's correlation of two maps; of maps without any contrast it is 1 if both are so, else 0."""
    if not ours.std() or not expected.std():
        return float(ours.std() == expected.std())
    return float(np.corrcoef(ours.ravel(), expected.ravel())[0, 1])


def rates(run: Run, images: torch.Tensor, device: torch.device, seconds: float) -> list[float]:
    """Images a second, a value for each part of the time."""
    for _ in range(WARM_RUNS):
        run(images)
    values = []
    for _ in range(PARTS):
        finish(device)
        started, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - started < seconds / PARTS:
            run(images)[0].cpu()  # an answer waits for its logits, and so does the next batch
            count += 1
        values.append(count * len(images) / (time.perf_counter() - started))
    return values


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def served(plan: Plan) -> dict[str, Any]:
    """A real TorchServe with a worker for each GPU (or the CPU), asked by 32 clients with explanations."""
    import requests

    from benchmarks.torchserve import retinote
    from handlers.engines.settings import EAGER
    from serving.capacity import Batching, Capacity, capacity, gpu_count

    folder = Path(plan.folder) / "served"
    store = folder / "store"
    model = make_model(store, architecture=plan.architecture)
    images, _ = read_images(None, folder / "scans")
    rule = capacity()
    chosen = Capacity(rule.workers, rule.threads, EAGER, Batching(size=max(plan.batches)))
    server = retinote(store, model, folder, chosen)
    try:
        turns = itertools.cycle(images)
        session = requests.Session()
        session.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=CLIENTS))

        def ask(_: object = None) -> float:
            started = time.perf_counter()
            answer = session.post(
                server.target.url,
                data=next(turns),
                headers=dict(server.target.headers),
                timeout=REQUEST_TIMEOUT_S,
            )
            answer.raise_for_status()
            return 1000 * (time.perf_counter() - started)

        for _ in range(WARM_RUNS):
            ask()
        ends = time.monotonic() + plan.seconds * PARTS

        def ask_until_the_end(_: int) -> list[float]:
            times = [ask()]
            while time.monotonic() < ends:
                times.append(ask())
            return times

        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            times = [ms for each in pool.map(ask_until_the_end, range(CLIENTS)) for ms in each]
        per_second = len(times) / (time.monotonic() - began)
    finally:
        server.stop()
    condition = f"{plan.architecture}, {CLIENTS} clients, with explanation"
    measured = (
        ("throughput", "answers/s", per_second),
        *((f"p{share}", "ms", float(np.percentile(times, share))) for share in (50, 99)),
    )
    return {
        "rows": [
            {"condition": condition, "metric": metric, "unit": unit, "values": [value]}
            for metric, unit, value in measured
        ],
        "notes": [
            f"served: {chosen.workers} worker(s), {gpu_count()} GPU(s), batches of up to {chosen.batching.size}",
            f"served: loaded {'; '.join(_loaded(folder / 'torchserve' / 'logs')) or '(no line in the logs)'}",
        ],
    }


def _loaded(logs: Path) -> list[str]:
    """What the workers' logs say that they loaded, each once."""
    lines = (
        line
        for log in sorted(logs.glob("*.log"))
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    found = (line.partition("loaded ")[2] for line in lines if " threads" in line and "loaded " in line)
    return list(dict.fromkeys(found))


def training(plan: Plan) -> dict[str, Any]:
    """Scans a second of `./retinote train` in its warm epochs, on all that Accelerate finds."""
    from benchmarks.training_scripts import Task, our_command
    from benchmarks.training_throughput import write_scans

    folder = Path(plan.folder) / "training"
    write_scans(folder, plan.train_scans)
    batch = min(max(plan.batches), plan.train_scans)
    task = Task(folder, plan.architecture, plan.size, batch, epochs=EPOCHS, precision="auto")
    done = subprocess.run(
        our_command(task, folder / "out"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the training failed: {done.stdout.strip()[-1000:]}")
    with (folder / "out" / "epochs.csv").open(encoding="utf-8", newline="") as lines:
        warm = [float(row["scans_per_second"]) for row in csv.DictReader(lines)][1:]
    condition = f"{plan.architecture}, {plan.size} pixels, batches of {batch}"
    row = {"condition": condition, "metric": "training", "unit": "scans/s", "values": warm}
    return {
        "rows": [row],
        "notes": [line for line in done.stdout.splitlines() if line.startswith(plan.architecture)],
    }


def _plan(text: str) -> Plan:
    content = json.loads(text)
    return Plan(**content | {"batches": tuple(content["batches"])})


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    print(json.dumps(main(arguments[0], _plan(arguments[1]))), flush=True)
