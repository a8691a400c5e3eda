"""Teaches a decoder of findings on a finished network, whose own weights stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from handlers.card import InputSpec
from handlers.findings import FindingsDecoder
from handlers.network import is_staged, stage_channels
from handlers.preprocessing import normalise_unit
from training.data.manifest import DataError
from training.findings.batches import CHANNELS, Batch, FindingsBatches
from training.findings.kinds import KINDS, LabelFindings
from training.hardware import Hardware

CHANNEL_WEIGHTS = (1.0, *([2.0] * len(KINDS)))
"""Of a position's cross-entropy: nearly everything is none, and a decoder that says only that is of no use."""
NEEDED_POSITIONS = 8
"""How many positions at least a needed finding fills: the mean of the most probable ones counts."""
RULED_OUT_WEIGHT = 2.0
NEEDED_WEIGHT = 0.05
"""What is not there is known for each position; what is there somewhere is a weaker word."""
MOST_RATE = 3e-3
WEIGHT_DECAY = 0.01
WARM_UP = 0.1
LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True)
class Plan:
    """How long a decoder learns: steps, and scans with masks and with labels alone in each."""

    steps: int
    masked: int = 22
    labelled: int = 10
    seed: int = 0


class Stages(nn.Module):
    """The feature maps of a timm network's stages (finest first), in the precision that the hardware is fast at."""

    def __init__(self, network: nn.Module, hardware: Hardware) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(hardware.device)
        self.hardware = hardware

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Of normalised images (batch, 3, size, size), float32 (batch, channels, rows, columns) each."""
        images = images.to(self.hardware.device).contiguous(memory_format=torch.channels_last)
        found: list[torch.Tensor] = []
        with torch.autocast(
            self.hardware.device.type, self.hardware.autocast, enabled=self.hardware.autocast is not None
        ):
            images = self.network.stem(images)  # type: ignore[operator]
            for stage in self.network.stages:  # type: ignore[union-attr]
                images = stage(images)
                found.append(images)
        return [features.float() for features in found]


def refuse_without_stages(architecture: str, network: nn.Module) -> None:
    """Raise DataError for networks that have no stages whose maps a decoder could read."""
    if not is_staged(network):
        raise DataError(
            f"{architecture} has no stages with feature maps of their own; a ConvNeXt has, and can get a map of findings"
        )


def learn(network: nn.Module, spec: InputSpec, batches: FindingsBatches, plan: Plan) -> FindingsDecoder:
    """A decoder in evaluation mode, on the CPU. `network` has timm's stem and stages, as a ConvNeXt has."""
    hardware = Hardware.detect()
    stages = Stages(network, hardware)
    torch.manual_seed(plan.seed)
    decoder = FindingsDecoder(stage_channels(network), CHANNELS).to(hardware.device)
    optimizer = torch.optim.AdamW(decoder.parameters(), MOST_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, MOST_RATE, total_steps=plan.steps, pct_start=WARM_UP
    )
    with tqdm(total=plan.steps, desc="findings", unit="step", disable=None) as progress:
        for _ in range(plan.steps):
            batch = batches.draw(plan.masked, plan.labelled)
            logits = decoder(stages(normalise_unit(batch.images, spec)))
            loss = loss_of(logits, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
            progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
            progress.update()
    return decoder.cpu().eval()


def loss_of(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The loss of logits (batch, CHANNELS, rows, columns): of masks, and of what labels say of the others."""
    shares = batch.shares.to(logits.device)
    logits = logits.float()
    of_masks = mask_loss(logits[: len(shares)], shares)
    if not batch.label_findings:
        return of_masks
    return of_masks + label_loss(logits[len(shares) :].softmax(1), batch.label_findings)


def mask_loss(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the kinds by how much of a position they cover, and one minus their mean Dice coefficient.

    F. Milletari, N. Navab, S. Ahmadi, "V-Net", 3DV 2016 (arXiv:1606.04797), with probabilities in place of a mask.
    """
    weights = torch.tensor(CHANNEL_WEIGHTS, device=logits.device).view(1, -1, 1, 1)
    logarithms = logits.log_softmax(1)
    crossed = -(shares * logarithms * weights).sum(1).mean()
    probabilities = logarithms.exp()
    known = shares.sum(1, keepdim=True)
    both = (probabilities * shares).sum((0, 2, 3))[1:]
    all_ = ((probabilities * known).sum((0, 2, 3)) + shares.sum((0, 2, 3)))[1:]
    return crossed + (1 - (2 * both + 1) / (all_ + 1)).mean()


def label_loss(probabilities: torch.Tensor, label_findings: Sequence[LabelFindings]) -> torch.Tensor:
    """How far probabilities (scans, CHANNELS, rows, columns) are from what each scan's label says."""
    losses = []
    for found, meaning in zip(probabilities, label_findings, strict=True):
        wrong = found[list(meaning.excludes)].sum(0)
        loss = -RULED_OUT_WEIGHT * (1 - wrong).clamp(min=LEAST_PROBABILITY).log().mean()
        if meaning.needs:
            best = found[list(meaning.needs)].sum(0).flatten().topk(NEEDED_POSITIONS).values.mean()
            loss = loss - NEEDED_WEIGHT * best.clamp(min=LEAST_PROBABILITY).log()
        losses.append(loss)
    return torch.stack(losses).mean()
