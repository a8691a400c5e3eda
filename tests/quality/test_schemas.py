"""The published JSON schemas are those of the code: an editor that goes by them says what reading would say.

    RETINOTE_SECRET_KEY=none .venv/bin/python -m tests.quality.test_schemas

writes them anew.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import TypeAdapter

from handlers.card import ModelCard
from handlers.local_calibration import Profile
from modalities.guideline import GuidelineFile
from modalities.profile import ProfileFile
from modalities.reading import BUNDLED
from webapp.volumes.rule import PATH, Rule

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
KINDS: dict[str, TypeAdapter[Any]] = {
    "model-card": TypeAdapter(ModelCard),
    "local-calibration": TypeAdapter(Profile),
    "guideline": TypeAdapter(GuidelineFile),
    "modality": TypeAdapter(ProfileFile),
    "volume-rule": TypeAdapter(Rule),
}


def written(name: str) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **KINDS[name].json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def errors(name: str, content: object) -> list[str]:
    """What a program that goes by the published schema finds wrong."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


@pytest.mark.parametrize("name", KINDS)
def test_a_published_schema_is_that_of_the_code(name: str) -> None:
    assert (SCHEMAS / f"{name}.json").read_text(encoding="utf-8") == written(name), (
        "write it anew: RETINOTE_SECRET_KEY=none .venv/bin/python -m tests.quality.test_schemas"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "model_store").glob("*/*/model.json")), ids=str)
def test_the_cards_that_come_along_fit(path: Path) -> None:
    card = json.loads(path.read_text(encoding="utf-8"))
    assert errors("model-card", card) == []
    assert errors("model-card", card | {"temperature": "1"}) == ["$.temperature"]
    assert errors("model-card", card | {"labels": ["CNV"]}) == ["$.labels"]
    assert errors("model-card", card | {"temprature": 1}) == ["$"]


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*/guideline.yaml")), ids=str)
def test_the_guidelines_that_come_along_fit(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert errors("guideline", content) == []
    content["labels"]["NORMAL"]["threshold"] = 1.5
    assert errors("guideline", content) == ["$.labels.NORMAL.threshold"]


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*/profile.toml")), ids=str)
def test_the_profiles_that_come_along_fit(path: Path) -> None:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    assert errors("modality", content) == []
    assert errors("modality", content | {"order": "1"}) == ["$.order"]
    assert errors("modality", content | {"lables": {}}) == ["$"]


def test_the_rule_of_volumes_that_comes_along_fits() -> None:
    content = json.loads(PATH.read_text(encoding="utf-8"))
    assert errors("volume-rule", content) == []
    assert errors("volume-rule", content | {"neighbours": 0}) == ["$.neighbours"]


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for kind in KINDS:
        (SCHEMAS / f"{kind}.json").write_text(written(kind), encoding="utf-8")
