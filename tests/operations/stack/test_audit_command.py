"""`audit lineage` looks for models in the stores of the stack, or in the one that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

import cli
from operations.stack import managing


@pytest.mark.parametrize(
    ("own", "named", "looked_at"),
    [
        (["/models", "/var/model_store"], [], ["/models", "{data}/model_store"]),
        (["s3://clinic/models"], [], ["s3://clinic/models"]),
        (["s3://clinic/models"], ["--store", "/retired"], ["/retired", "{data}/model_store"]),
        (["/models", "/var/model_store"], ["--store", "s3://clinic/models"], ["s3://clinic/models"]),
    ],
)
def test_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: list[str], named: list[str], looked_at: list[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(managing, "manage", lambda data, state, arguments: asked.extend(arguments) or 0)
    monkeypatch.setattr("operations.stack.audit.running_state", lambda data: {})
    monkeypatch.setattr("operations.stack.stores.running_state", lambda data: {"model_stores": own})
    data = tmp_path / "var"
    (data / "run").mkdir(mode=0o700, parents=True)
    data.chmod(0o700)

    assert cli.main(["audit", "lineage", "65a", "--data-dir", str(data), *named]) == 0

    assert asked == ["audit_lineage", "65a", *(f"--store={place.format(data=data)}" for place in looked_at)]
