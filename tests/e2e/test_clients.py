"""Clients that another project's generator makes of the API's description, at a running stack."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import requests

from imaging.png import encode_png
from tests.images import bscan, png_bytes
from tests.stacks import ROOT, Stack
from tests.volume_files import zipped

pytestmark = pytest.mark.xdist_group("stack")

GUIDE = ROOT / "docs" / "api.md"
STARTS = {
    # call: how the bytes begin that it answers with
    "scans_image_retrieve": b"\x89PNG",
    "scans_deep_retrieve": b"\x89PNG",
    "scans_overlay_retrieve": b"\xff\xd8",
    "scans_heatmap_retrieve": b"\x89PNG",
    "scans_findings_retrieve": b"\x89PNG",
    "scans_thumbnail_retrieve": b"\xff\xd8",
    "scans_report_retrieve": b"%PDF",
    "volumes_enface_retrieve": b"\x89PNG",
}
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,10,20,20"}


def block(language: str) -> str:
    """What our guide shows in that language."""
    (shown,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(shown)


@pytest.fixture(scope="module")
def generated(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two clients, by name: of the generator as it comes, and with the configuration that our guide shows."""
    folder = tmp_path_factory.mktemp("clients")
    described, configured = folder / "retinote.json", folder / "retinote.yaml"
    described.write_bytes(requests.get(f"{stack.url}/api/schema/?format=json", timeout=60).content)
    configured.write_text(block("yaml"))
    for name, options in {"plain_client": [], "retinote_client": ["--config", configured]}.items():
        subprocess.run(
            [sys.executable, "-m", "openapi_python_client", "generate", "--path", described, *options]
            + ["--meta", "none", "--output-path", folder / name],
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            check=True,
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield {name: importlib.import_module(name) for name in ("plain_client", "retinote_client")}


def calls_of(client: Any) -> dict[str, Any]:
    """All calls of a generated client, by their name: a module each."""
    found = pkgutil.walk_packages([f"{client.__path__[0]}/api"], f"{client.__name__}.api.")
    return {
        module.name.rpartition(".")[2]: importlib.import_module(module.name)
        for module in found
        if not module.ispkg
    }


@pytest.fixture(scope="module")
def site(stack: Stack, generated: dict[str, Any]) -> SimpleNamespace:
    """The calls, the models and a signed-in client of the configured one, and a scan with a shape and a verdict."""
    package = generated["retinote_client"]
    calls, types = calls_of(package), importlib.import_module("retinote_client.types")
    models = importlib.import_module("retinote_client.models")
    named = models.SignInRequest(username="admin", password=stack.password)
    pair = calls["auth_token_create"].sync(client=package.Client(stack.url), body=named)
    client = package.AuthenticatedClient(stack.url, token=pair.access, raise_on_unexpected_status=True)
    form = models.UploadRequest(
        image=types.File(png_bytes(seed=700), "scan.png"), patient_ref="P-7", eye=models.EyeEnum.OD
    )
    scan = calls["scans_create"].sync(client=client, body=form)
    drawn = models.AnnotationRequest.from_dict({"target": {"selector": BOX}, "comment": "fluid"})
    shape = calls["scans_annotations_create"].sync(scan.id, client=client, body=drawn)
    # Only an answer of the model can be agreed with.
    verdict = models.ReviewRequest(label=scan.prediction)
    assert calls["scans_review_create"].sync(scan.id, client=client, body=verdict).label == scan.prediction
    bscans = {f"{place}.png": encode_png(deep_bscan(place)) for place in range(2)}
    files = types.File(zipped(bscans | {"en-face.png": png_bytes(seed=712)}), "volume.zip")
    lead = calls["scans_create"].sync(client=client, body=models.UploadRequest(image=files))
    return SimpleNamespace(
        calls=calls,
        models=models,
        client=client,
        token=pair.access,
        scan=scan,
        ids={
            "annotations": shape.id,
            "volumes": lead.volume.id,
            "scans": scan.id,
            "scans_deep_retrieve": lead.id,
        },
    )


def id_for(site: SimpleNamespace, name: str) -> Any:
    """The id that a call asks for: of a shape, a volume or a scan."""
    return site.ids.get(name) or site.ids[name.partition("_")[0]]


def deep_bscan(seed: int) -> npt.NDArray[np.uint16]:
    """A B-scan of 12 bits in words of 16."""
    return bscan(seed=710 + seed).astype(np.uint16) * 16


def test_the_guide_works_as_it_stands(stack: Stack, generated: dict[str, Any], tmp_path: Path) -> None:
    shown = block("python").replace("http://127.0.0.1:8000", stack.url)
    (tmp_path / "scan.png").write_bytes(png_bytes(seed=701))

    subprocess.run(
        [sys.executable, "-c", shown.replace("clara", "admin").replace("a-long-password-7", stack.password)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(generated["retinote_client"].__path__[0]).parent)},
        check=True,
    )

    assert (tmp_path / "overlay").read_bytes().startswith(STARTS["scans_overlay_retrieve"])
    assert (tmp_path / "report.pdf").read_bytes().startswith(STARTS["scans_report_retrieve"])


def test_a_generated_client_uploads(site: SimpleNamespace) -> None:
    assert (site.scan.status, site.scan.patient_ref, site.scan.eye) == ("predicted", "P-7", "OD")
    assert site.scan.prediction in site.scan.probabilities.additional_properties


def test_every_call_that_reads_json_is_understood(site: SimpleNamespace) -> None:
    reading = {
        name: call
        for name, call in site.calls.items()
        if name.endswith(("_retrieve", "_list")) and name not in STARTS and "_dicom_" not in name
    }
    assert {"scans_retrieve", "scans_list", "history_list", "dashboard_retrieve"} <= reading.keys()

    for name, call in reading.items():
        asked = {"id": id_for(site, name)} if "id" in call.sync_detailed.__annotations__ else {}
        answer = call.sync_detailed(client=site.client, **asked)
        assert answer.status_code == HTTPStatus.OK, name
        assert answer.parsed is not None and not isinstance(answer.parsed, site.models.Error), name


def test_what_did_not_come_as_dicom_is_refused_in_a_way_that_is_understood(site: SimpleNamespace) -> None:
    asked = {name: call for name, call in site.calls.items() if "_dicom_" in name}
    assert len(asked) == 8

    for name, call in asked.items():
        answer = call.sync_detailed(id_for(site, name), client=site.client)
        assert answer.status_code == HTTPStatus.CONFLICT, name
        assert answer.parsed.error.code == "no_dicom_origin"


@pytest.mark.parametrize("name", STARTS)
def test_pictures_and_reports_come_as_files(site: SimpleNamespace, name: str) -> None:
    answer = site.calls[name].sync_detailed(id_for(site, name), client=site.client)

    assert answer.status_code == HTTPStatus.OK
    assert answer.parsed.payload.read() == answer.content
    assert answer.content.startswith(STARTS[name])


@pytest.mark.parametrize("name", STARTS)
def test_without_configuration_their_bytes_are_still_there(
    stack: Stack, generated: dict[str, Any], site: SimpleNamespace, name: str
) -> None:
    plain = generated["plain_client"]

    answer = calls_of(plain)[name].sync_detailed(
        id_for(site, name), client=plain.AuthenticatedClient(stack.url, token=site.token)
    )

    assert (answer.status_code, answer.parsed) == (HTTPStatus.OK, None)
    assert answer.content.startswith(STARTS[name])


@pytest.mark.parametrize(("form", "start"), [("CSV", b"scan,"), ("COCO", b"PK"), ("FOLDERS", b"PK")])
def test_exports_come_as_files(site: SimpleNamespace, form: str, start: bytes) -> None:
    asked = site.models.ExportRequest(site.models.FormatEnum[form], scans=[site.scan.id])

    file = site.calls["exports_create"].sync(client=site.client, body=asked)

    assert file.payload.read().startswith(start)


@pytest.mark.parametrize("name", ["scans_retrieve", *STARTS])
def test_what_is_refused_comes_as_an_error(site: SimpleNamespace, name: str) -> None:
    refused = site.calls[name].sync("0" * 24, client=site.client)

    assert isinstance(refused, site.models.Error)
    assert refused.error.code == "not_found"
