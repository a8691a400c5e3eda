"""Makes a model's ranges for int8: measures them, leaves out what changes the answers, checks, and writes them."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from handlers.card import CARD_NAME, ModelCard
from handlers.card_int8 import INT8_NAME, Int8Facts
from handlers.engines.int8 import put_int8
from handlers.engines.serving_network import ServingNetwork, fast_precision, precision_name
from handlers.gradcam import HeadGradCam
from handlers.int8_ranges import MlpRanges, Ranges, as_tensors, mlps
from handlers.network import load_decoder, load_network, load_statistics
from training.data.manifest import DataError
from training.explanation.measures import Masks
from training.export import describe_data, replace_file
from training.int8.measuring import BATCH, Answers, Scanned, answers, checks, further, probabilities

MOST_LEFT_OUT = 0.5
"""Share of the blocks that may be left out; with fewer in int8, it is not worth its memory."""


@dataclass(frozen=True)
class Int8Scans:
    """Scans to measure ranges on, scans whose answers are compared, and scans with masks (scans, side, side)."""

    calibration: Scanned
    checked: Scanned
    masked: Scanned
    masks: Masks


class Int8Making:
    """Measures and checks the ranges of the model in a folder."""

    def __init__(self, folder: Path, card: ModelCard, scans: Int8Scans) -> None:
        self._folder = folder
        self._card = card
        self._scans = scans
        _, network = load_network(folder)
        self._head = HeadGradCam(copy.deepcopy(network.get_submodule("head")))
        self._statistics = load_statistics(folder, card, network)
        self._precision = fast_precision(torch.device("cpu"))
        self._ranges = measure_ranges(network, card, scans.calibration)
        exact = ServingNetwork(network, card.input, torch.float32, load_decoder(folder, card, network)).eval()
        self._exact = self._answers(exact, scans.checked, "float32")
        labels = self._exact.labels
        self._checked = replace(scans.checked, labels=labels)
        self._exact_masked = self._answers(exact, scans.masked, "float32, scans with masks")
        self._exact_calibration = self._answers(exact, scans.calibration, "float32, calibration")

    def make(self) -> Int8Facts:
        """Ranges for as many blocks as can be had, with the figures of their check.

        If the limits are not kept, the blocks that change the answers most are left out: 1, 2, 4 and so on, up to half of
        them. The last attempt is returned, whether or not it keeps the limits (`Int8Checks.misses`). Its file is not
        written yet.
        """
        order: list[str] = []
        count = 0
        while True:
            left_out = order[:count]
            facts = self._attempt(left_out)
            if not list(facts.checks.misses()):
                return facts
            order = order or self._most_changing_first()
            count = max(1, 2 * count)
            if count > MOST_LEFT_OUT * len(self._ranges):
                return facts

    def write(self, facts: Int8Facts) -> None:
        """Write the ranges, and then the card with `facts`."""
        card = ModelCard.load(self._folder / CARD_NAME)
        if card.int8 is not None:
            # If the process is killed between the two files, the model must still be served: without int8.
            replace(card, int8=None).save(self._folder / CARD_NAME)
        replace_file(self._folder / INT8_NAME, self._content(facts.left_out))
        replace(card, int8=facts).save(self._folder / CARD_NAME)

    def _attempt(self, left_out: Sequence[str]) -> Int8Facts:
        serving = self._network({name: self._ranges[name] for name in self._ranges if name not in left_out})
        ours = self._answers(serving, self._checked, "int8")
        ours_masked = self._answers(serving, self._scans.masked, "int8, scans with masks")
        measured = checks(self._card, self._exact, ours, self._scans.masks, self._exact_masked, ours_masked)
        more = further(self._card, self._statistics, self._checked.scans, self._exact, ours)
        return Int8Facts(
            sha256=hashlib.sha256(self._content(left_out)).hexdigest(),
            blocks=len(self._ranges) - len(left_out),
            checks=measured,
            left_out=tuple(left_out),
            figures={
                **more,
                "rest": precision_name(self._precision),
                "calibration": describe_data(self._scans.calibration.scans),
                "checked": _sources(self._scans.checked),
                "masked": _sources(self._scans.masked),
            },
        )

    def _most_changing_first(self) -> list[str]:
        """The names of the blocks, sorted by how much each of them alone changes probabilities of the calibration."""
        exact = probabilities(self._card, self._exact_calibration)
        change = {}
        for name, found in self._ranges.items():
            ours = self._answers(self._network({name: found}), self._scans.calibration, f"int8 in {name}")
            change[name] = float(np.abs(probabilities(self._card, ours) - exact).max(1).mean())
        return sorted(change, key=lambda name: -change[name])

    def _network(self, ranges: Ranges) -> ServingNetwork:
        _, network = load_network(self._folder)
        decoder = load_decoder(self._folder, self._card, network)
        put_int8(network, ranges, self._precision)
        return ServingNetwork(network, self._card.input, self._precision, decoder).eval()

    def _answers(self, serving: ServingNetwork, scanned: Scanned, task: str) -> Answers:
        return answers(serving, self._head, scanned, task)

    def _content(self, left_out: Sequence[str]) -> bytes:
        kept = {name: found for name, found in self._ranges.items() if name not in left_out}
        return save(as_tensors(kept))


@torch.inference_mode()
def measure_ranges(network: nn.Module, card: ModelCard, scanned: Scanned) -> Ranges:
    """The ranges of each MLP that can run in int8, in float32, on scans."""
    found: Ranges = {}

    def keep(name: str, part: Any, inputs: torch.Tensor) -> None:
        if isinstance(part.fc1, nn.Conv2d):
            inputs = inputs.permute(0, 2, 3, 1)
        values = inputs.reshape(-1, inputs.shape[-1])
        least, greatest = values.amin(0), values.amax(0)
        if name in found:
            least = torch.minimum(found[name].least, least)
            greatest = torch.maximum(found[name].greatest, greatest)
        hidden = found[name].hidden if name in found else torch.zeros(2)
        found[name] = MlpRanges(least, greatest, hidden)

    def keep_hidden(name: str, values: torch.Tensor) -> None:
        before = found[name]
        ends = torch.stack(
            [torch.minimum(before.hidden[0], values.min()), torch.maximum(before.hidden[1], values.max())]
        )
        found[name] = replace(before, hidden=ends)

    handles = []
    for name, part in mlps(network).items():
        handles.append(
            part.register_forward_pre_hook(partial(lambda at, part, inputs: keep(at, part, inputs[0]), name))
        )
        handles.append(
            part.act.register_forward_hook(
                partial(lambda at, _part, _inputs, out: keep_hidden(at, out), name)
            )
        )
    serving = ServingNetwork(network, card.input, torch.float32).eval()
    for first in range(0, len(scanned.pixels), BATCH):
        pixels = torch.from_numpy(np.array(scanned.pixels[first : first + BATCH]))
        serving(pixels.expand(-1, 3, -1, -1))
    for handle in handles:
        handle.remove()
    # Inference tensors can't be written to by others.
    return {
        name: MlpRanges(*(each.clone() for each in (r.least, r.greatest, r.hidden)))
        for name, r in found.items()
    }


def refuse_unsuitable(card: ModelCard, network: nn.Module) -> None:
    """Raise DataError if the network has no parts for int8, or its heat maps need gradients."""
    if not HeadGradCam.fits(network) or not mlps(network):
        raise DataError(
            f"{card.architecture} can't run in int8: it needs blocks with an MLP of two pointwise layers and a GELU, and a "
            "head whose heat maps need no gradients, as a ConvNeXt (not V2) has"
        )


def _sources(scanned: Scanned) -> dict[str, Any]:
    described = describe_data(scanned.scans)
    return {"sha256": described["sha256"], "sources": described["sources"]}
