"""A model's answer and what is stored of it have the same fields."""

from __future__ import annotations

from dataclasses import fields

from webapp.inference.model_server import ModelAnswer
from webapp.scans.answered import PREDICTION_FIELDS

AS_FILES = {"heatmap", "findings_map"}
MADE_HERE = {"recommendation", "predicted_at", "overlay_name", "heatmap_name", "findings_name"}


def test_an_answer_is_stored_by_the_names_of_its_fields() -> None:
    answered = {field.name for field in fields(ModelAnswer)}
    assert answered - AS_FILES == set(PREDICTION_FIELDS) - MADE_HERE
