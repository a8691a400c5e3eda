"""The file that says what was done with models."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.changes import choice_sha256, note, noted
from serving.registry import Choice, Registry
from serving.stores import ModelStores

NONE, ONE = Choice(), Choice(registered=["1.0.0"], promoted=["1.0.0"])


def promote(path: Path, version: str = "1.0.0") -> None:
    note(path, "promote", "retina-oct", version, weights_sha256="ab" * 32, before=NONE, after=ONE)


def test_a_line_for_each_change(tmp_path: Path) -> None:
    path = tmp_path / "changes.jsonl"
    promote(path)
    promote(path, "1.1.0")
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["action"], first["model"], second["model"]) == (
        "model.promote",
        "retina-oct/1.0.0",
        "retina-oct/1.1.0",
    )
    assert (first["before"], first["after"]) == (choice_sha256(NONE), choice_sha256(ONE))
    assert first["before"] != first["after"]
    assert first["weights_sha256"] == "ab" * 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "changes.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: promote(path, f"1.{number}.0"), range(40)))
    noted = {json.loads(line)["model"] for line in path.read_text().splitlines()}
    assert noted == {f"retina-oct/1.{number}.0" for number in range(40)}


def test_a_line_that_was_cut_off_takes_no_other_along(tmp_path: Path) -> None:
    path = tmp_path / "changes.jsonl"
    path.write_text('{"action": "model.pro')
    promote(path)
    assert json.loads(path.read_text().splitlines()[1])["model"] == "retina-oct/1.0.0"


def test_weights_as_the_card_tells_them(tmp_path: Path) -> None:
    card = tmp_path / "retina-oct" / "1.0.0" / "model.json"
    card.parent.mkdir(parents=True)
    card.write_text(json.dumps({"weights_sha256": "cd" * 32}))
    stores = ModelStores([tmp_path / "nothing", tmp_path])
    assert stores.weights_sha256("retina-oct", "1.0.0") == "cd" * 32
    assert stores.weights_sha256("retina-oct", "2.0.0") == ""


def test_a_rollback_tells_what_it_has_withdrawn(tmp_path: Path) -> None:
    path, registry, stores = tmp_path / "changes.jsonl", Registry(tmp_path / "registry.json"), ModelStores([])
    for version in ("1.0.0", "1.1.0"):
        with noted(path, registry, stores, "promote", "retina-oct", version):
            registry.note_promoted("retina-oct", version, f"weights of {version}")
    with noted(path, registry, stores, "rollback", "retina-oct", "1.0.0"):
        registry.note_rolled_back("retina-oct", "1.0.0", "weights of 1.0.0")

    *promotions, rollback = map(json.loads, path.read_text().splitlines())

    assert rollback["withdrawn"] == {"1.1.0": "weights of 1.1.0"}
    assert not any("withdrawn" in line for line in promotions)
