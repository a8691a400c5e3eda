"""The model that comes with the project: what benchmarks and tests take when nobody names another."""

from __future__ import annotations

from pathlib import Path

from serving.archive import versions

MODEL_STORE = Path(__file__).resolve().parent.parent / "model_store"
MODEL_NAME = "retina-oct"
VERSION = versions(MODEL_STORE, MODEL_NAME)[-1]
MODEL = MODEL_STORE / MODEL_NAME / VERSION
"""The folder of its newest version."""
