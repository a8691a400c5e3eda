"""Teaches a decoder of findings on top of a finished network, whose own weights stay as they are."""

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
"""Weights of the cross-entropy: as nearly all positions are "none", the decoder would predict nothing else."""
NEEDED_POSITIONS = 8
"""Positions that a needed finding fills at least: the mean of the most probable ones is used."""
RULED_OUT_WEIGHT = 2.0
NEEDED_WEIGHT = 0.05
"""Ruled-out kinds are known at every position; of needed ones only that they are somewhere, so they weigh less."""
MOST_RATE = 3e-3
WEIGHT_DECAY = 0.01
WARM_UP = 0.1
LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True)
class Plan:
    """How a decoder learns: the count of steps, and of scans with masks and with labels alone in each step."""

    steps: int
    masked: int = 22
    labelled: int = 10
    seed: int = 0


class Stages(nn.Module):
    """Computes the feature maps of a timm network's stages (finest first), in the hardware's fast precision."""

    def __init__(self, network: nn.Module, hardware: Hardware) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(hardware.device)
        self.hardware = hardware

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The maps, float32 (batch, channels, rows, columns), of normalised images (batch, 3, size, size)."""
        images = images.to(self.hardware.device).contiguous(memory_format=torch.channels_last)
        maps: list[torch.Tensor] = []
        with torch.autocast(
            self.hardware.device.type, self.hardware.autocast, enabled=self.hardware.autocast is not None
        ):
            images = self.network.stem(images)  # type: ignore[operator]
            for stage in self.network.stages:  # type: ignore[union-attr]
                images = stage(images)
                maps.append(images)
        return [features.float() for features in maps]


def refuse_without_stages(architecture: str, network: nn.Module) -> None:
    """Raise DataError for a network without stages whose feature maps a decoder can read."""
    if not is_staged(network):
        raise DataError(
            f"{architecture} has no stages with feature maps, which a map of findings needs; a ConvNeXt has them"
        )


def learn(
    network: nn.Module,
    spec: InputSpec,
    batches: FindingsBatches,
    plan: Plan,
    begun: FindingsDecoder | None = None,
) -> FindingsDecoder:
    """Teach a decoder; it is returned in evaluation mode, on the CPU. `network` has timm's stem and stages.

    `begun` is a decoder with a channel for each of `KINDS`, whose learning is gone on with.
    """
    hardware = Hardware.detect()
    stages = Stages(network, hardware)
    torch.manual_seed(plan.seed)
    decoder = (begun or FindingsDecoder(stage_channels(network), CHANNELS)).to(hardware.device)
    optimizer = torch.optim.AdamW(decoder.parameters(), MOST_RATE, weight_decay=WEIGHT_DECAY)
    decoder.train()
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
    """The loss of logits (batch, CHANNELS, rows, columns): by masks, and by labels for scans without a mask."""
    shares = batch.shares.to(logits.device)
    logits = logits.float()
    of_masks = mask_loss(logits[: len(shares)], shares)
    if not batch.label_findings:
        return of_masks
    return of_masks + label_loss(logits[len(shares) :].softmax(1), batch.label_findings)


def mask_loss(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Cross-entropy by how much of a position each kind covers, plus one minus the kinds' mean Dice coefficient.

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
    """How far probabilities (scans, CHANNELS, rows, columns) contradict what each scan's label says of its findings."""
    losses = []
    for probability, findings in zip(probabilities, label_findings, strict=True):
        wrong = probability[list(findings.excludes)].sum(0)
        loss = -RULED_OUT_WEIGHT * (1 - wrong).clamp(min=LEAST_PROBABILITY).log().mean()
        if findings.needs:
            best = probability[list(findings.needs)].sum(0).flatten().topk(NEEDED_POSITIONS).values.mean()
            loss = loss - NEEDED_WEIGHT * best.clamp(min=LEAST_PROBABILITY).log()
        losses.append(loss)
    return torch.stack(losses).mean()
