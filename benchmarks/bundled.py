"""The model that comes with the project: what benchmarks and tests take when nobody names another."""

from __future__ import annotations

from operations.stack.stores import DEFAULT_STORE
from serving.archive import versions

MODEL_STORE = DEFAULT_STORE
MODEL_NAME = "retina-oct"
VERSION = versions(MODEL_STORE, MODEL_NAME)[-1]
MODEL = MODEL_STORE / MODEL_NAME / VERSION
"""The folder of its newest version."""
