"""Whether a scan is like those that a model learnt from, by the statistics beside its weights. Free of torch.

Each scan is a vector of C channels, its pooled last feature map. Its strangeness is the distance to Gaussians of the
labels (K. Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
NeurIPS 2018), the distance to its nearest neighbours among scans of the training (Y. Sun et al., "Out-of-Distribution
Detection with Deep Nearest Neighbors", ICML 2022), or both. If the training had scans of other diseases, the position
along a direction that leads from the training to them counts as well (outlier exposure: D. Hendrycks et al., "Deep
Anomaly Detection with Outlier Exposure", ICLR 2019).

"Home scans" are scans like those of the training that were held out. They define which strangeness is usual.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import BOTH, MAHALANOBIS, NEIGHBOURS, STATISTICS_NAME, StatisticsFacts

NEIGHBOUR_COUNT = 10
"""Nearest references whose mean cosine counts."""
NEAREST_COUNT = 3
"""Nearest references that answers describe."""
UNIT_TOLERANCE = 0.01
"""Greatest difference of a stored unit vector's length from 1; float16 rounds by less."""
TENSORS: dict[str, dict[str, tuple[str, ...]]] = {
    MAHALANOBIS: {"mean": ("C",), "projection": ("C", "D"), "centres": ("K", "D")},
    NEIGHBOURS: {"references": ("N", "C")},
}
"""The tensors of each method with their sizes; equal letters stand for equal sizes."""
OUTLIERS = {"outlier_direction": ("C",), "outlier_home": ("O",), "method_home": ("P",)}
"""The tensors that outliers add: their direction, the home scans' positions along it, and their strangeness."""
UNIT_VECTORS = ("references", "nearest")

Tensor = npt.NDArray[np.float32]


class StatisticsError(Exception):
    """Statistics that can't be used; the message names the file and what is wrong."""


class Statistics:
    """Statistics of the scans that a model learnt from. Its methods take pooled features (scans, C), float32."""

    def __init__(self, facts: StatisticsFacts, tensors: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Raises StatisticsError if `tensors` are not those of the method that `facts` name."""
        self._facts = facts
        self.channels = _checked_shapes(facts, tensors)
        self._tensors: dict[str, Tensor] = {
            name: _laid_out(name, np.asarray(values, np.float32)) for name, values in tensors.items()
        }
        _check_values(self._tensors)
        self._texts, self._starts = self._group_nearest()

    @classmethod
    def load(cls, folder: Path, card: ModelCard) -> Statistics | None:
        """The statistics of the model in `folder`; None if its card names none.

        Raises StatisticsError if the file is missing, not the one that the card names, or holds other tensors.
        """
        if card.statistics is None:
            return None
        file = folder / STATISTICS_NAME
        try:
            content = file.read_bytes()
        except OSError as error:
            raise StatisticsError(
                f"{file}: the statistics that {CARD_NAME} beside it promises can't be read ({error.strerror})"
            ) from error
        if hashlib.sha256(content).hexdigest() != card.statistics.sha256:
            raise StatisticsError(
                f"{file}: not the statistics that {CARD_NAME} beside it names (sha256 differs)"
            )
        try:
            return cls(card.statistics, load(content))
        # KeyError: a tensor of a type that NumPy doesn't have
        except (SafetensorError, KeyError, ValueError) as error:
            raise StatisticsError(
                f"{file}: the statistics are no whole safetensors file that can be read ({error})"
            ) from error
        except StatisticsError as error:
            raise StatisticsError(f"{file}: {error}") from error

    def _group_nearest(self) -> tuple[list[str], list[int]]:
        """Sort the references by description. Returns the descriptions, and the first index of each."""
        texts = self._facts.nearest
        order = sorted(range(len(texts)), key=lambda index: texts[index])
        if order:
            self._tensors["nearest"] = _laid_out("nearest", self._tensors["nearest"][order])
        starts = [at for at, index in enumerate(order) if at == 0 or texts[index] != texts[order[at - 1]]]
        return [texts[order[at]] for at in starts], starts

    def strangeness(self, pooled: Tensor) -> Tensor:
        """The strangeness (scans,) of each scan, 0 or greater. Values of different methods can't be compared.

        With outliers it is the larger of two ranks among home scans: by the method, and along the outliers' direction.
        """
        by_method = self._by_method(pooled)
        if not self._facts.outliers:
            return by_method
        along = outlying(pooled, self._tensors["outlier_direction"])
        ranks = rank(by_method, self._tensors["method_home"]), rank(along, self._tensors["outlier_home"])
        return np.maximum(*ranks)

    def _by_method(self, pooled: Tensor) -> Tensor:
        if self._facts.method == MAHALANOBIS:
            return mahalanobis(pooled, *(self._tensors[name] for name in TENSORS[MAHALANOBIS]))
        if self._facts.method == NEIGHBOURS:
            return neighbours(pooled, self._tensors["references"])
        ranks = [
            rank(
                mahalanobis(pooled, *(self._tensors[name] for name in TENSORS[MAHALANOBIS])),
                self._tensors[home_of(MAHALANOBIS)],
            ),
            rank(neighbours(pooled, self._tensors["references"]), self._tensors[home_of(NEIGHBOURS)]),
        ]
        return np.mean(ranks, axis=0, dtype=np.float32)  # type: ignore[no-any-return]

    def familiarity(self, pooled: Tensor) -> npt.NDArray[np.float64]:
        """For each scan, the share of home scans (0 to 1) that are at least as strange."""
        home = self._tensors["home"]
        # Counted in scans, as by rounding 1 − share could just miss a threshold of a card.
        return (len(home) - below(self.strangeness(pooled), home)) / len(home)

    def nearest(self, pooled: Tensor) -> list[list[str]]:
        """For each scan, up to three different descriptions of the references that are most like it, nearest first."""
        if "nearest" not in self._tensors:
            return [[] for _ in pooled]
        cosines = unit(pooled) @ self._tensors["nearest"].T
        best = np.maximum.reduceat(cosines, self._starts, axis=1)
        count = min(NEAREST_COUNT, len(self._texts))
        highest = np.argpartition(-best, count - 1, axis=1)[:, :count]
        order = np.take_along_axis(
            highest, np.argsort(-np.take_along_axis(best, highest, axis=1), axis=1), axis=1
        )
        return [[self._texts[index] for index in row] for row in order.tolist()]


def mahalanobis(pooled: Tensor, mean: Tensor, projection: Tensor, centres: Tensor) -> Tensor:
    """The squared distance of each scan (scans, C) to the nearest centre (K, D), in the space of the projection (C, D).

    The scans' vectors are scaled to a length of 1 first. Their length tells little of what a scan shows, and without it
    other diseases stand out better (docs/training.md has the measurements).
    """
    projected = (unit(pooled) - mean) @ projection
    lengths = (projected * projected).sum(axis=1, keepdims=True), (centres * centres).sum(axis=1)
    # |p − c|² = |p|² − 2 p·c + |c|² takes half the time of the differences; by rounding it may be below 0.
    distances: Tensor = lengths[0] - 2 * (projected @ centres.T) + lengths[1]
    nearest: Tensor = np.maximum(distances.min(axis=1), np.float32(0))
    return nearest


def neighbours(pooled: Tensor, references: Tensor) -> Tensor:
    """1 − the mean of the ten largest cosines, or all if there are fewer, of each scan and the references (N, C)."""
    count = min(NEIGHBOUR_COUNT, len(references))
    cosines = unit(pooled) @ references.T
    largest = np.partition(cosines, len(references) - count, axis=1)[:, -count:]
    return np.float32(1) - largest.mean(axis=1, dtype=np.float32)  # type: ignore[no-any-return]


def outlying(pooled: Tensor, direction: Tensor) -> Tensor:
    """The position of each scan (scans, C), scaled to a length of 1, along a direction (C,)."""
    along: Tensor = unit(pooled) @ direction
    return along


def rank(strangeness: Tensor, home: Tensor) -> Tensor:
    """For each scan, the share (0 to 1) of home scans that are less strange; `home` is ascending."""
    return (below(strangeness, home) / len(home)).astype(np.float32)


def below(strangeness: Tensor, home: Tensor) -> npt.NDArray[np.intp]:
    """For each scan, how many home scans are less strange: all of them if its strangeness is NaN."""
    return np.searchsorted(home, strangeness, side="left")


def unit(vectors: Tensor) -> Tensor:
    """The vectors (count, C) scaled to a length of 1; a vector of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Tensor = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


def home_of(method: str) -> str:
    """The name of the tensor with the home scans' strangeness by one of two methods."""
    return f"{method}_home"


def needed_tensors(facts: StatisticsFacts) -> dict[str, tuple[str, ...]]:
    """The tensors that the file must hold, with their sizes as in `TENSORS`."""
    needed: dict[str, tuple[str, ...]] = {"home": ("Q",)}
    for method in (MAHALANOBIS, NEIGHBOURS) if facts.method == BOTH else (facts.method,):
        needed |= TENSORS[method]
        if facts.method == BOTH:
            needed[home_of(method)] = (f"Q of {method}",)
    return needed | (OUTLIERS if facts.outliers else {}) | ({"nearest": ("M", "C")} if facts.nearest else {})


def _checked_shapes(facts: StatisticsFacts, tensors: Mapping[str, npt.NDArray[np.generic]]) -> int:
    """The number of channels, C. Raises StatisticsError for tensors that are missing, too many or of other shapes."""
    needed = needed_tensors(facts)
    for name in sorted(needed.keys() - tensors.keys()):
        raise StatisticsError(f"the tensor {name} is missing, which the method {facts.method} needs")
    for name in sorted(tensors.keys() - needed.keys()):
        raise StatisticsError(f"the tensor {name} is none of the method {facts.method}, or not in the card")
    sizes: dict[str, int] = {"M": len(facts.nearest)} if facts.nearest else {}
    for name, meaning in needed.items():
        values = tensors[name]
        if values.dtype not in (np.float32, np.float16):
            raise StatisticsError(f"the tensor {name} is {values.dtype} and should be float32 or float16")
        if values.ndim != len(meaning) or not values.size:
            raise StatisticsError(
                f"the tensor {name} is {list(values.shape)} and should be ({', '.join(meaning)})"
            )
        for letter, size in zip(meaning, values.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise StatisticsError(
                    f"the tensor {name} is {list(values.shape)} and should be ({', '.join(meaning)}) with "
                    f"{letter} = {sizes[letter]}"
                )
    return sizes["C"]


def _laid_out(name: str, values: Tensor) -> Tensor:
    """A tensor in the memory order in which it is read: channel by channel for vectors that multiply scans."""
    return np.asfortranarray(values) if name in UNIT_VECTORS else np.ascontiguousarray(values)


def _check_values(tensors: Mapping[str, Tensor]) -> None:
    """Raise StatisticsError for values that are not finite, and for tensors that are not sorted or of unit length."""
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise StatisticsError(f"the tensor {name} holds values that are no numbers")
        if name.endswith("home") and (np.diff(values) < 0).any():
            raise StatisticsError(f"the tensor {name} should be ascending")
        if name in UNIT_VECTORS and (np.abs(np.linalg.norm(values, axis=1) - 1) > UNIT_TOLERANCE).any():
            raise StatisticsError(f"the tensor {name} should hold vectors of length 1")
