"""A model at the gate, and what it says of scans, with its labels in the champion's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.answering import ANSWERED
from handlers.card import ModelCard
from handlers.network import load_network, load_statistics
from handlers.statistics import Statistics
from serving.gates import facts_of
from training.data.manifest import Scan
from training.evaluation.answers import SURE, Answer, predict_answers
from training.statistics.features import Embedded, embed

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Subject:
    """A loaded version of a model; `seen` has what it said of scans before, where several are compared with it."""

    folder: Path
    card: ModelCard
    network: nn.Module
    statistics: Statistics | None
    seen: dict[tuple[Path, ...], Look] | None = None

    @classmethod
    def load(cls, folder: Path) -> Subject:
        """Load a version. Raises CardError or NetworkError."""
        card, network = load_network(folder)
        return cls(folder, card, network, load_statistics(folder, card, network))

    @property
    def facts(self) -> dict[str, str]:
        """What gate.json says of it."""
        return facts_of(self.card)

    def look(self, scans: Sequence[Scan], labels: Sequence[str], cache: Path | None = None) -> Look:
        """Have it look at scans; `labels` are the champion's, in whose order probabilities are given."""
        key = tuple(scan.path for scan in scans)
        if self.seen is not None and key in self.seen:
            return self.seen[key]
        embedded = embed(self.network, self.card.input, scans, cache)
        finite = torch.isfinite(embedded.logits).all(1).numpy()
        features = np.nan_to_num(embedded.features, nan=0.0, posinf=0.0, neginf=0.0)
        told = Embedded(embedded.scans, features, torch.nan_to_num(embedded.logits, 0.0, 0.0, 0.0))
        columns = [self.card.labels.index(label) for label in labels]
        probabilities = (told.logits / self.card.temperature).softmax(1).numpy()[:, columns]
        answers = predict_answers(self.card, told, self.statistics)
        look = Look(
            tuple(labels),
            [scan.label for scan in scans],
            np.asarray(probabilities, np.float64),
            answers,
            finite,
            None if self.card.statistics is None else self.card.statistics.known_from,
        )
        if self.seen is not None:
            self.seen[key] = look
        return look


@dataclass(frozen=True)
class Look:
    """What a model says of scans: `probabilities` (scans, labels), what would be answered, and which are numbers.

    `truth` names the true label of each scan, which need not be one of `labels`.
    """

    labels: tuple[str, ...]
    truth: Sequence[str]
    probabilities: npt.NDArray[np.float64]
    answers: Sequence[Answer]
    finite: Bits
    known_from: float | None

    @cached_property
    def targets(self) -> npt.NDArray[np.int64]:
        """The number of each scan's true label, -1 for one that the model doesn't know."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        return np.array([numbers.get(label, -1) for label in self.truth], np.int64)

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The number of the most probable label."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    @cached_property
    def right(self) -> Bits:
        """Whether that is the true one."""
        return np.asarray(self.predicted == self.targets)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        """The probability of the most probable label."""
        return np.asarray(self.probabilities.max(1))

    @property
    def has_sets(self) -> bool:
        """Whether the model can rule labels out."""
        return all(answer.labels is not None for answer in self.answers)

    @cached_property
    def in_set(self) -> Bits:
        """Which labels can't be ruled out (scans, labels); all, without sets."""
        return np.array(
            [
                [answer.labels is None or label in answer.labels for label in self.labels]
                for answer in self.answers
            ]
        )

    @cached_property
    def unfamiliar(self) -> Bits:
        """Whether the model doesn't know the picture."""
        least = self.known_from or 0.0
        return np.array([(answer.familiarity or 0.0) < least for answer in self.answers])

    @cached_property
    def sure(self) -> Bits:
        """Whether it would answer, and surely."""
        return np.array(
            [answer.decision.state == ANSWERED and answer.confidence >= SURE for answer in self.answers]
        )

    def seen(self, thresholds: Mapping[str, float]) -> Bits:
        """Whether each scan's true label would count for a recommendation; for labels without a threshold False."""
        seen = np.zeros(len(self.truth), bool)
        for number, label in enumerate(self.labels):
            if label in thresholds:
                own = self.targets == number
                counts = self.probabilities[:, number] >= thresholds[label]
                if self.has_sets:
                    counts |= self.in_set[:, number]
                seen[own] = counts[own]
        return seen
