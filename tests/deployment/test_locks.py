"""The images hold what requirements.lock pins, and nothing of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy" / "images"


def pins(lock: Path) -> dict[str, set[str]]:
    """Hashes by name and version of each requirement."""
    blocks = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    return {block.split()[0]: set(re.findall(r"sha256:\w{64}", block)) for block in blocks}


@pytest.mark.parametrize("name", ["web.lock", "model-server.lock", "trainer.lock"])
def test_an_image_has_the_pinned_versions_and_hashes(name: str) -> None:
    pinned, in_image = pins(ROOT / "requirements.lock"), pins(IMAGES / name)

    assert {requirement: pinned.get(requirement) for requirement in in_image} == in_image


def test_what_tracks_runs_in_mlflow_changes_no_version_of_the_trainer() -> None:
    def versions(lock: str) -> dict[str, str]:
        return {name: version for name, _, version in (pin.partition("==") for pin in pins(IMAGES / lock))}

    trainer, tracking = versions("trainer.lock"), versions("tracking.lock")
    shared = trainer.keys() & tracking.keys()
    assert "mlflow-skinny" in tracking and "requests" in shared
    assert {name: tracking[name] for name in shared} == {name: trainer[name] for name in shared}


def test_the_web_image_has_no_torch() -> None:
    assert not [name for name in pins(IMAGES / "web.lock") if name.startswith(("torch", "nvidia", "timm"))]
