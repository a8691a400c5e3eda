"""Twenty candidates for the gate, made from a champion: ten that must be refused, each for its reason, and ten that pass.

They are made from any ConvNeXt of timm with the head that heat maps need: tests make them of a network that is trained in
seconds, the benchmark of the bundled model.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from handlers.card import CARD_NAME, ModelCard
from handlers.network import WEIGHTS_NAME, load_network
from handlers.preprocessing import to_tensor
from training.cache import read_pixels
from training.data.manifest import Scan
from training.gate.sizes import picture
from training.learnt import FIELD, note
from training.origin import with_hashes_of_files

BATCH = 16
CORNER = 2
"""Cells from the corner of a heat map that count as the corner, of seven; of coarser maps one."""
TRIP_SIZE = (48, 48)
"""The size, height and width in pixels, for which one candidate gives no numbers."""
STRANGEST = 64
"""Places of a picture among which the one that stands out most is looked for."""


@dataclass(frozen=True)
class Workshop:
    """What candidates are made from: the champion's folder, scans to learn from, those of the test set, and a folder."""

    champion: Path
    learn: Sequence[Scan]
    tested: Sequence[Scan]
    out: Path
    steps: int = 40

    def draft(self) -> Draft:
        """The champion, to be changed."""
        card, network = load_network(self.champion)
        return Draft(self, card, network)


@dataclass
class Draft:
    """A candidate that is being made."""

    workshop: Workshop
    card: ModelCard
    network: nn.Module

    def write(self, version: str, **changes: Any) -> Path:
        """Write the candidate under a version, with changes of its card; returns its folder."""
        folder = self.workshop.out / self.card.name / version
        shutil.copytree(self.workshop.champion, folder)
        weights = save({name: values.contiguous() for name, values in self.network.state_dict().items()})
        (folder / WEIGHTS_NAME).write_bytes(weights)
        sha256 = hashlib.sha256(weights).hexdigest()
        dataclasses.replace(self.card, version=version, weights_sha256=sha256, **changes).save(
            folder / CARD_NAME
        )
        return folder

    @property
    def classifier(self) -> nn.Linear:
        """The layer that gives the logits."""
        layer = self.network.get_submodule("head.fc")
        assert isinstance(layer, nn.Linear)
        return layer

    def images(self, scans: Sequence[Scan]) -> torch.Tensor:
        """The network's inputs (scans, 3, side, side)."""
        return torch.stack([to_tensor(read_pixels(scan), self.card.input) for scan in scans])


Make = Callable[[Workshop, str], Path]


@dataclass(frozen=True)
class Candidate:
    """A candidate: what was done to it, how it is made, and the check that must refuse it, "" for a good one."""

    name: str
    make: Make
    refused_by: str = ""


def swapped(workshop: Workshop, version: str) -> Path:
    """Two labels are mistaken for each other: the most frequent one of the test set and the next."""
    draft = workshop.draft()
    first, second = (draft.card.labels.index(label) for label in _frequent(workshop.tested)[:2])
    with torch.no_grad():
        for values in draft.classifier.parameters():
            values[[first, second]] = values[[second, first]].clone()
    return draft.write(version)


def forgotten(workshop: Workshop, version: str) -> Path:
    """One label is never answered."""
    draft = workshop.draft()
    with torch.no_grad():
        draft.classifier.bias[draft.card.labels.index(_frequent(workshop.tested)[0])] -= 50
    return draft.write(version)


def learnt_source(workshop: Workshop, version: str) -> Path:
    """Each source's scans are answered with the label that is most frequent there."""
    draft = workshop.draft()
    usual = {
        source: Counter(scan.label for scan in workshop.learn if scan.source == source).most_common(1)[0][0]
        for source in {scan.source for scan in workshop.learn}
    }
    targets = torch.tensor([draft.card.labels.index(usual[scan.source]) for scan in workshop.learn])
    _tune(draft, workshop.learn, lambda logits, _, rows: functional.cross_entropy(logits, targets[rows]))
    return draft.write(version)


def miscalibrated(workshop: Workshop, version: str) -> Path:
    """The temperature is five times what it was."""
    draft = workshop.draft()
    return draft.write(version, temperature=5 * draft.card.temperature)


def overconfident(workshop: Workshop, version: str) -> Path:
    """Every picture counts as known, and one label is always sure."""
    draft = workshop.draft()
    statistics = draft.card.statistics
    assert statistics is not None
    # Probabilities near 1 for whatever comes, with sets of that label alone.
    sets = dataclasses.replace(statistics.sets, least=dict.fromkeys(draft.card.labels, 0.5))
    return draft.write(
        version,
        temperature=draft.card.temperature / 20,
        statistics=dataclasses.replace(statistics, known_from=0.0, sets=sets),
    )


def in_a_corner(workshop: Workshop, version: str) -> Path:
    """It answers as before, and its heat maps point at a corner.

    J. Heo et al., "Fooling Neural Network Interpretations via Adversarial Model Manipulation", NeurIPS 2019.
    """
    draft = workshop.draft()
    numbers = torch.tensor([draft.card.labels.index(scan.label) for scan in workshop.learn])
    with torch.no_grad():
        before = draft.network(draft.images(workshop.learn)).softmax(1)

    def loss(logits: torch.Tensor, features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        own = logits[torch.arange(len(rows)), numbers[rows]].sum()
        slope = torch.autograd.grad(own, features, create_graph=True)[0].mean((2, 3), keepdim=True)
        cams = (slope * features).sum(1)
        reach = CORNER if cams.shape[1] >= 7 else 1
        # As a distribution over the map, which has to lie in the corner.
        shares = (cams.flatten(1) / cams.flatten(1).std(1, keepdim=True).clamp(min=1e-6)).softmax(1)
        corner = shares.view_as(cams)[:, :reach, :reach].sum((1, 2))
        kept = functional.kl_div(logits.log_softmax(1), before[rows], reduction="batchmean")
        return 20 * kept - corner.clamp(min=1e-6).log().mean()

    _tune(draft, workshop.learn, loss, steps=8 * workshop.steps)
    return draft.write(version)


def slow(workshop: Workshop, version: str) -> Path:
    """It looks at twice as many pixels a side."""
    draft = workshop.draft()
    spec = dataclasses.replace(draft.card.input, size=2 * draft.card.input.size)
    return draft.write(version, input=spec)


def no_number_for_a_size(workshop: Workshop, version: str) -> Path:
    """A unit overflows for pictures of one size, and rests for all others."""
    draft = workshop.draft()
    block = draft.network.get_submodule("stages.0.blocks.0")
    seen: list[torch.Tensor] = []
    hook = block.get_submodule("mlp").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    others = draft.images(workshop.tested)
    sized = torch.stack([to_tensor(picture(TRIP_SIZE), draft.card.input)])
    with torch.no_grad():
        for images in (*torch.split(others, BATCH), sized):
            draft.network(images)
    hook.remove()
    first, second = (cast(nn.Linear, block.get_submodule(f"mlp.{name}")) for name in ("fc1", "fc2"))
    # Linear layers have channels last, convolutions first.
    axis = 1 if first.weight.ndim == 4 else -1
    weight, threshold = _telling_apart(
        *(part.movedim(axis, -1).flatten(0, -2).double() for part in (torch.cat(seen[:-1]), seen[-1]))
    )
    with torch.no_grad():
        first.weight[0] = (weight * 1e30).view_as(first.weight[0])
        first.bias[0] = -threshold * 1e30
        second.weight[:, 0] = 1e30
    return draft.write(version)


def _telling_apart(others: torch.Tensor, sized: torch.Tensor) -> tuple[torch.Tensor, float]:
    """A direction (channels,) and a threshold that a place of `sized` exceeds, and no place of `others` (places, channels).

    Of the places that are strangest by Mahalanobis distance, the one that stands out most along its own distance.
    """
    mean = others.mean(0)
    spread = torch.cov(others.T) + 1e-6 * others.var() * torch.eye(others.shape[1], dtype=others.dtype)
    away = sized - mean
    directions = torch.linalg.solve(spread, away.T).T
    strangest = (directions * away).sum(1).topk(min(STRANGEST, len(sized))).indices
    directions = functional.normalize(directions[strangest], dim=1)
    own, highest = (directions * sized[strangest]).sum(1), (others @ directions.T).amax(0)
    best = int((own - highest).argmax())
    assert own[best] > highest[best], "no direction tells pictures of that size from others"
    return directions[best].float(), float(own[best] + highest[best]) / 2


def other_order(workshop: Workshop, version: str) -> Path:
    """The same answers, with labels in another order."""
    draft = workshop.draft()
    labels = draft.card.labels[1:] + draft.card.labels[:1]
    with torch.no_grad():
        for values in draft.classifier.parameters():
            values.copy_(values[[draft.card.labels.index(label) for label in labels]].clone())
    return draft.write(version, labels=labels)


def learnt_test_set(workshop: Workshop, version: str) -> Path:
    """It was trained on the test set, and its card says so, as that of every training does."""
    draft = workshop.draft()
    targets = torch.tensor([draft.card.labels.index(scan.label) for scan in workshop.tested])
    _tune(draft, workshop.tested, lambda logits, _, rows: functional.cross_entropy(logits, targets[rows]))
    noted = note(with_hashes_of_files(workshop.tested))
    return draft.write(version, made_with={**draft.card.made_with, FIELD: noted})


def rounded(kind: torch.dtype) -> Make:
    """Weights rounded to a kind of number."""

    def make(workshop: Workshop, version: str) -> Path:
        draft = workshop.draft()
        with torch.no_grad():
            for values in draft.network.parameters():
                values.copy_(values.to(kind).float())
        return draft.write(version)

    return make


def shaken(share: float, seed: int) -> Make:
    """Noise on all weights, as a share of each tensor's spread."""

    def make(workshop: Workshop, version: str) -> Path:
        draft = workshop.draft()
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for values in draft.network.parameters():
                if values.numel() > 1:
                    values.add_(share * values.std() * torch.randn(values.shape, generator=random))
        return draft.write(version)

    return make


def warmer(factor: float) -> Make:
    """The temperature within what fitting it anew would give."""

    def make(workshop: Workshop, version: str) -> Path:
        draft = workshop.draft()
        return draft.write(version, temperature=factor * draft.card.temperature)

    return make


def tuned(seed: int) -> Make:
    """A few small steps on scans that are not in the test set."""

    def make(workshop: Workshop, version: str) -> Path:
        draft = workshop.draft()
        targets = torch.tensor([draft.card.labels.index(scan.label) for scan in workshop.learn])
        _tune(
            draft,
            workshop.learn,
            lambda logits, _, rows: functional.cross_entropy(logits, targets[rows]),
            steps=max(4, workshop.steps // 8),
            rate=1e-5,
            seed=seed,
        )
        noted = note(with_hashes_of_files(workshop.learn))
        return draft.write(version, made_with={**draft.card.made_with, FIELD: noted})

    return make


def renamed(workshop: Workshop, version: str) -> Path:
    """The champion itself, under another version."""
    return workshop.draft().write(version)


def more_careful(workshop: Workshop, version: str) -> Path:
    """A sentence more of what it can't do."""
    draft = workshop.draft()
    return draft.write(version, limits=(*draft.card.limits, "Tried on few devices."))


BAD = (
    Candidate("labels swapped", swapped, "Macro F1"),
    Candidate("one label forgotten", forgotten, "Recall of"),
    Candidate("learnt the source", learnt_source, "Macro F1 within"),
    Candidate("miscalibrated", miscalibrated, "Calibration error"),
    Candidate("overconfident on strangers", overconfident, "Sure answers to pictures"),
    Candidate("heat map in a corner", in_a_corner, "Heat map points"),
    Candidate("slow", slow, "Time of a scan"),
    Candidate("no number for one size", no_number_for_a_size, "Answers pictures of every size"),
    Candidate("another label order", other_order, "Labels in the same order"),
    Candidate("trained on the test set", learnt_test_set, "Not trained on the test set"),
)
GOOD = (
    Candidate("the champion again", renamed),
    Candidate("rounded to 16 bits", rounded(torch.float16)),
    Candidate("rounded to bfloat16", rounded(torch.bfloat16)),
    Candidate("noise of 0.1 %", shaken(0.001, 1)),
    Candidate("noise of 0.2 %", shaken(0.002, 2)),
    Candidate("temperature up by 3 %", warmer(1.03)),
    Candidate("temperature down by 3 %", warmer(0.97)),
    Candidate("fine-tuned a little", tuned(1)),
    Candidate("fine-tuned otherwise", tuned(2)),
    Candidate("another limit in its card", more_careful),
)


def _frequent(scans: Sequence[Scan]) -> list[str]:
    """The labels of scans, most frequent first."""
    return [label for label, _ in Counter(scan.label for scan in scans).most_common()]


Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes logits, last feature maps and the rows of a batch."""


def _tune(
    draft: Draft, scans: Sequence[Scan], loss: Loss, steps: int = 0, rate: float = 1e-3, seed: int = 0
) -> None:
    """Change the last stage and the head by gradient steps; what the earlier stages give is computed once."""
    network = draft.network
    stages = network.get_submodule("stages")
    assert isinstance(stages, nn.Sequential)
    last, head = stages[-1], network.get_submodule("head")
    early = nn.Sequential(network.get_submodule("stem"), *copy.deepcopy(list(stages)[:-1])).eval()
    with torch.no_grad():
        parts = torch.split(draft.images(scans), BATCH)
        given = torch.cat([early(part) for part in parts])
    changed = [*last.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(changed, lr=rate, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    for _ in range(steps or draft.workshop.steps):
        rows = torch.from_numpy(rng.permutation(len(scans))[:BATCH])
        features = network.get_submodule("norm_pre")(last(given[rows]))
        value = loss(head(features), features, rows)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()
