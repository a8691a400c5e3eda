"""A third modality joins by data alone, as docs/modalities.md says, which this follows word for word."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.images import encoded, png_bytes
from tests.modalities.pictures import fundus
from tests.models import make_model
from tests.services import free_ports
from tests.stacks import ROOT, Stack, retinote

GUIDE = ROOT / "docs" / "modalities.md"
PICTURES = {"train": 16, "val": 6, "test": 4}
"""Of each label, by the part of the data that they are in."""
SIDES = (128, 200, 256)
"""Pixels of pictures of several devices."""
QUICK = (
    *("--arch", "convnext_atto", "--no-pretrained", "--ls-init-value", "1"),
    *("--size", "64", "--epochs", "1", "--batch-size", "8"),
)
"""What the test adds to the training, of which it needs an answer and not a good one."""
DATA_FILES = {"profile.toml", "guideline.yaml", "look.json"}
STEPS = ["check", "look", "train", "import", "promote", "up"]


@dataclass(frozen=True)
class Fundus:
    """A stack with the third modality, somebody who is signed in, and what making it changed in the project."""

    stack: Stack
    headers: dict[str, str]
    folder: Path
    changed: str

    def ask(self, path: str, method: str = "get", **options: Any) -> requests.Response:
        return requests.request(
            method, f"{self.stack.url}/api/v1/{path}", headers=self.headers, timeout=120, **options
        )

    def upload(self, picture: bytes, **details: str) -> requests.Response:
        files = {"image": ("picture.png", picture, "image/png")}
        return self.ask("scans/", "post", files=files, data=details)


def shown(language: str) -> str:
    """The one block of the guide in that language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def changes() -> str:
    """What git finds changed in the project's files."""
    asked = ["git", "-C", str(ROOT), "diff", "--stat"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def draw(folder: Path) -> None:
    """Photographs of each label in each part of the data."""
    seed = 0
    for part, count in PICTURES.items():
        for label in ("NORMAL", "DR"):
            own = folder / part / label
            own.mkdir(parents=True)
            for _ in range(count):
                seed += 1
                (own / f"{seed}.png").write_bytes(encoded(fundus(label, seed, side=SIDES[seed % len(SIDES)])))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fundus]:
    """Goes through the steps of the guide, in a folder that holds nothing but pictures."""
    folder, before = tmp_path_factory.mktemp("third"), changes()
    store = folder / "store"
    make_model(store)
    draw(folder / "pictures")
    own = folder / "mine" / "fundus"
    own.mkdir(parents=True)
    (own / "profile.toml").write_text(shown("toml"), encoding="utf-8")
    (own / "guideline.yaml").write_text(shown("yaml"), encoding="utf-8")
    variables = {"RETINOTE_MODALITIES": str(folder / "mine"), "XDG_CACHE_HOME": str(folder / "cache")}
    stack = Stack(
        folder / "var", store, *free_ports(1), variables={"RETINOTE_MODALITIES": str(folder / "mine")}
    )
    extra = {"train": QUICK, "models": ("--data-dir", str(stack.data), "--model-store", str(store))}

    export, *steps = shown("sh").splitlines()
    assert export == "export RETINOTE_MODALITIES=$PWD/mine"
    *steps, up = [shlex.split(step) for step in steps]
    assert up == ["./retinote", "up"]
    for program, *words in steps:
        assert program == "./retinote"
        made = retinote(*words, *extra.get(words[0], ()), variables=variables, cwd=folder, timeout_s=900)
        assert made.returncode == 0, f"{words}: {made.stdout}{made.stderr}"
    try:
        stack.up()
        after = changes()
        yield Fundus(stack, stack.sign_in("admin", stack.password), own, "" if after == before else after)
        stack.assert_runs()
    finally:
        stack.down()


@pytest.fixture(scope="module")
def scan(site: Fundus) -> dict[str, Any]:
    """A photograph of which its sender said nothing but the field of view."""
    answer = site.upload(encoded(fundus("DR", seed=500, side=200)), **{"fields.view": "45"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_data_alone(site: Fundus) -> None:
    assert {path.name for path in site.folder.parent.rglob("*") if path.is_file()} == DATA_FILES
    assert site.changed == ""


def test_a_photograph_is_known_and_answered_by_its_model(scan: dict[str, Any]) -> None:
    assert (scan["modality"], scan["fields"], scan["status"]) == ("fundus", {"view": "45"}, "predicted")
    assert set(scan["probabilities"]) == {"NORMAL", "DR"}
    assert scan["model"]["name"] == "fundus"


def test_a_scan_beside_it_is_answered_by_its_own(site: Fundus) -> None:
    answer = site.upload(png_bytes(seed=3)).json()
    assert (answer["modality"], answer["status"]) == ("oct", "predicted")
    assert "AMD" in answer["probabilities"]


def test_a_photograph_that_is_sent_as_a_scan_is_refused(site: Fundus) -> None:
    refused = site.upload(encoded(fundus(seed=501)), modality="oct")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "other_modality"
    assert "modality=fundus" in refused.json()["error"]["message"]


def test_a_picture_of_neither_is_asked_about(site: Fundus) -> None:
    flat = encoded(fundus()[:, :, 0] // 3 + 90)
    refused = site.upload(flat)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "modality_unclear")
    assert refused.json()["error"]["fields"]["modality"] == ["oct", "fundus"]


@pytest.mark.parametrize(
    ("what", "start"), [("heatmap", b"\x89PNG"), ("overlay", b"\xff\xd8"), ("report", b"%PDF")]
)
def test_heat_map_and_report_come(site: Fundus, scan: dict[str, Any], what: str, start: bytes) -> None:
    answer = site.ask(f"scans/{scan['id']}/{what}/")
    assert answer.ok, answer.text
    assert answer.content.startswith(start)


def test_the_guideline_says_what_follows(scan: dict[str, Any]) -> None:
    # A network that has seen 32 pictures once may not be sure enough to answer.
    assert scan["recommendation"]["urgency"] in ("No referral", "Soon", "clinician review required")
    assert scan["recommendation"]["version"] == "1"


def test_a_verdict_has_the_labels_of_the_modality(site: Fundus, scan: dict[str, Any]) -> None:
    assert site.ask("options/?modality=fundus").json()["labels"] == ["DR", "NORMAL"]

    given = site.ask(f"scans/{scan['id']}/review/", "post", json={"label": "DR"})

    assert given.status_code in (200, 201), given.text
    assert given.json()["label"] == "DR"
    refused = site.ask(f"scans/{scan['id']}/review/", "post", json={"label": "CNV"})
    assert refused.status_code == 400, refused.text


def test_exports_and_lists_are_filtered_by_it(site: Fundus, scan: dict[str, Any]) -> None:
    listed = site.ask("scans/?modality=fundus").json()["results"]
    assert [each["id"] for each in listed] == [scan["id"]]

    exported = site.ask("exports/?modality=fundus", "post", json={"format": "coco", "with_text": True})

    assert exported.ok, exported.text
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        assert sum(name.startswith("images/") for name in archive.namelist()) == 1
