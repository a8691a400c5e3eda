"""Untrained models, which tests share with the benchmarks."""

from benchmarks.models import IMAGENET, LABELS, make_model

__all__ = ["IMAGENET", "LABELS", "make_model"]
