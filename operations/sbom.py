"""The command `sbom`: the parts of Retinote as one CycloneDX document.

These are the installed Python packages, the npm packages of the page's lock file, and the models of all stores.
"""

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from operations import page
from operations.errors import OperationsError
from operations.stack.folder import DataFolder
from operations.stack.options import add_data_option, add_store_option
from operations.stack.stores import stores_of
from operations.version import installed_version
from serving.archive import WEIGHTS, checked_card, described_files
from serving.stores import ModelStores

SPECIFICATION = "1.6"
US = "retinote"
SCHEMA = f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json"

Json = dict[str, Any]


def add_sbom_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sbom`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write it (JSON)")
    add_store_option(parser, "the stack's")
    add_data_option(parser)


def sbom(arguments: argparse.Namespace) -> int:
    """Write the document, and print how many components it has."""
    bill = bill_of_materials(stores_of(DataFolder(arguments.data_dir), arguments.model_store))
    arguments.file.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{arguments.file}: {len(bill['components'])} components, CycloneDX {SPECIFICATION}")
    return 0


def bill_of_materials(stores: ModelStores) -> Json:
    """The document as JSON values.

    Raises OperationsError if a tool that lists packages fails, ServingError if a model is not as its card describes it.
    """
    models = [_model(card) for card in _cards(stores)]
    parts = [_python_packages(), _npm_packages()]
    components = [component for part in parts for component in part["components"]] + models
    dependencies = [
        dependency
        for part in parts
        for dependency in part["dependencies"]
        if dependency["ref"] != _root(part)
    ]
    direct = {ref for part in parts for ref in _direct(part)} | {model["bom-ref"] for model in models}
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "component": {"type": "application", "name": US, "version": installed_version(), "bom-ref": US},
        },
        "components": components,
        "dependencies": [{"ref": US, "dependsOn": sorted(direct)}, *dependencies],
    }


def _python_packages() -> Json:
    if find_spec("cyclonedx_py") is None:
        raise OperationsError("The package cyclonedx-bom is missing; ./retinote installs it.")
    return _listed_by(
        [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable],
        # Validation takes ten seconds here; the tests validate the whole document.
        ["--spec-version", SPECIFICATION, "--output-format", "JSON", "--no-validate"],
        what="Python packages",
    )


def _npm_packages() -> Json:
    return _listed_by(
        page.node_command("npm", "sbom"),
        ["--sbom-format", "cyclonedx", "--package-lock-only"],
        what="npm packages",
        folder=page.FOLDER,
    )


def _listed_by(tool: list[str], options: list[str], *, what: str, folder: Path | None = None) -> Json:
    run = subprocess.run(
        [*tool, *options], cwd=folder, env=page.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]
        raise OperationsError(f"The {what} could not be listed: {reason}")
    part: Json = json.loads(run.stdout)
    return {"dependencies": [], **part}


def _root(part: Json) -> str | None:
    ref = part.get("metadata", {}).get("component", {}).get("bom-ref")
    return str(ref) if ref else None


def _direct(part: Json) -> Iterable[str]:
    """The components of a part that no other component depends on."""
    required = {
        ref
        for dependency in part["dependencies"]
        if dependency["ref"] != _root(part)
        for ref in dependency.get("dependsOn", [])
    }
    return {component["bom-ref"] for component in part["components"]} - required


def _cards(stores: ModelStores) -> Iterable[ModelCard]:
    """The card of every version, from the store that would serve it."""
    return [
        checked_card(holder)
        for name in stores.names()
        for version in stores.versions(name)
        if (holder := stores.holder(name, version))
    ]


def _model(card: ModelCard) -> Json:
    """A model as a component: the hashes of its files, its data sources with their licences, and its limits."""
    ref = f"model:{card.name}@{card.version}"
    others = {file: sha256 for file, sha256 in described_files(card).items() if file != WEIGHTS}
    return {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": card.name,
        "version": card.version,
        "description": f"{card.architecture}, labels {', '.join(card.labels)}. Research software.",
        "hashes": [_sha256(card.weights_sha256)],
        **({"components": [_data(ref, *other) for other in others.items()]} if others else {}),
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": "image classification",
                "modelArchitecture": card.architecture,
                "datasets": [_data_source(source) for source in card.data.get("sources", [])],
            },
            "considerations": {"technicalLimitations": list(card.limits)},
        },
    }


def _data(ref: str, file: str, sha256: str) -> Json:
    """A file beside a model's weights."""
    return {"type": "data", "bom-ref": f"{ref}/{file}", "name": file, "hashes": [_sha256(sha256)]}


def _sha256(content: str) -> Json:
    return {"alg": "SHA-256", "content": content}


def _data_source(source: Json) -> Json:
    facts = [f"{source['scans']} scans"] if "scans" in source else []
    facts += [str(source[key]) for key in ("licence", "citation") if key in source]
    return {"type": "dataset", "name": str(source.get("name", "unnamed")), "description": "; ".join(facts)}
