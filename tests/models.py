"""Untrained models, which tests share with the benchmarks."""

from benchmarks.models import (
    IMAGENET,
    LABELS,
    give_findings,
    give_int8,
    give_statistics,
    make_model,
    statistics_tensors,
)

__all__ = [
    "IMAGENET",
    "LABELS",
    "give_findings",
    "give_int8",
    "give_statistics",
    "make_model",
    "statistics_tensors",
]
