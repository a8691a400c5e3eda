"""The list of all that Retinote is made of."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.schema._res import BOM_JSON_STRICT, CRYPTOGRAPHY_DEFS, JSF, SPDX_JSON

from benchmarks import bundled
from handlers.card import ModelCard
from operations.sbom import bill_of_materials
from operations.version import installed_version
from serving.errors import ServingError
from serving.stores import ModelStores
from tests.models import give_statistics, make_model
from tests.stacks import retinote

pytestmark = pytest.mark.xdist_group("sbom")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("sbom")
    file, data = folder / "retinote.cdx.json", folder / "var"
    # As `models import` leaves it; what it is made of is the card's word.
    give_statistics(make_model(data / "model_store", name="imported", version="2.1.0"))
    run = retinote("sbom", file, "--data-dir", data)
    assert run.returncode == 0, run.stderr
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def component(made: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in made["components"] if found["name"] == name)


def test_the_list_of_parts_is_valid(made: dict[str, Any]) -> None:
    """By CycloneDX's own schemas, but not with its validator, which takes a hundred times as long."""

    def schema(file: Path | str | None) -> dict[str, Any]:
        assert file
        read: dict[str, Any] = json.loads(Path(file).read_text())
        return read

    parts = {
        "spdx.SNAPSHOT": schema(SPDX_JSON),
        "jsf-0.82.SNAPSHOT": schema(JSF),
        "cryptography-defs.SNAPSHOT": schema(CRYPTOGRAPHY_DEFS),
    }
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}.schema.json", part) for name, part in parts.items()]
    )
    validator = jsonschema_rs.validator_for(
        schema(BOM_JSON_STRICT[SchemaVersion.V1_6]), registry=registry, validate_formats=True
    )

    assert [error.message for error in validator.iter_errors(made)] == []
    assert made["metadata"]["component"]["version"] == installed_version()
    assert not validator.is_valid({**made, "components": [{"name": "of no type"}]})


@pytest.mark.parametrize("name", ["torch", "Django", "torchserve", "pymongo", "react", "konva", "vite"])
def test_it_names_packages_with_version_and_address(made: dict[str, Any], name: str) -> None:
    found = next(found for found in made["components"] if found["name"].lower() == name.lower())

    kind = "npm" if name in ("react", "konva", "vite") else "pypi"
    assert found["version"]
    assert found["purl"].startswith(f"pkg:{kind}/{name.lower()}@{found['version']}")


def test_it_names_the_bundled_model_with_hash_sources_and_licences(made: dict[str, Any]) -> None:
    card = ModelCard.load(bundled.MODEL / "model.json")

    found = component(made, bundled.MODEL_NAME)

    assert (found["type"], found["version"]) == ("machine-learning-model", bundled.VERSION)
    assert found["hashes"] == [{"alg": "SHA-256", "content": card.weights_sha256}]
    datasets = found["modelCard"]["modelParameters"]["datasets"]
    assert [dataset["name"] for dataset in datasets] == [source["name"] for source in card.data["sources"]]
    assert any("CC BY 4.0" in dataset["description"] for dataset in datasets)
    assert found["modelCard"]["considerations"]["technicalLimitations"] == list(card.limits)


def test_it_names_imported_models(made: dict[str, Any]) -> None:
    found = component(made, "imported")

    assert (found["type"], found["version"]) == ("machine-learning-model", "2.1.0")
    (statistics,) = found["components"]
    assert (statistics["type"], statistics["name"]) == ("data", "statistics.safetensors")
    assert statistics["hashes"][0]["content"] not in (found["hashes"][0]["content"], "")
    assert found["bom-ref"] in made["dependencies"][0]["dependsOn"]


def test_every_reference_leads_to_a_component(made: dict[str, Any]) -> None:
    refs = [found["bom-ref"] for found in made["components"]]
    known = {*refs, made["metadata"]["component"]["bom-ref"]}

    assert len(refs) == len(set(refs))
    for dependency in made["dependencies"]:
        assert {dependency["ref"], *dependency.get("dependsOn", [])} <= known


def test_a_model_with_other_weights_is_not_listed_as_what_it_says(tmp_path: Path) -> None:
    weights = make_model(tmp_path) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")

    with pytest.raises(ServingError, match="not the file that its card describes"):
        bill_of_materials(ModelStores([tmp_path]))
