"""`data graft`: from a set with healthy scans to one with lesions drawn into them."""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.images import Grey, bscan
from tests.training.simulator.pictures import noise
from tests.training.tables import read_table, write_table
from training.data.manifest import DataError, read_scans
from training.simulator import grafting
from training.simulator.findings import Finding, as_mask
from training.simulator.graft_commands import add_graft_arguments
from training.simulator.graft_commands import graft as graft_set
from training.simulator.grafting import LABELS
from training.simulator.layers import Layers, find_layers


def write_healthy(folder: Path) -> list[dict[str, str]]:
    """A set with three healthy scans to draw into, and others that must be left alone."""
    kinds = [
        # name, label, source, split
        ("a", "NORMAL", "octdl", "train"),
        ("b", "NORMAL", "kermany", "train"),
        ("c", "NORMAL", "octdl", "val"),
        ("without layers", "NORMAL", "octdl", "train"),
        ("sick", "AMD", "octdl", "train"),
        ("tested", "NORMAL", "octdl", "test"),
        ("drawn", "NORMAL", "simulator", "train"),
        ("grafted", "NORMAL", "grafted-octdl", "train"),
    ]
    rows = []
    for seed, (name, label, source, split) in enumerate(kinds):
        picture = noise() if name == "without layers" else bscan(128, 96, seed)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
        rows.append(
            {
                "file": f"{name}.png",
                "label": label,
                "source": source,
                "split": split,
                "patient_id": f"{source}:{name}",
            }
        )
    return rows


@pytest.fixture
def real(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    write_table(folder / "manifest.csv", write_healthy(folder))
    return folder


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_graft_arguments(parser)
    return graft_set(parser.parse_args([str(option) for option in options]))


def test_writes_pictures_masks_and_manifest(real: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"

    assert run("--data", real, "--out", out, "--per-class", 4) == 0

    rows = read_table(out / "manifest.csv")
    assert [row["label"] for row in rows] == [label for label in LABELS for _ in range(4)]
    for row in rows:
        picture = cv2.imread(str(out / row["file"]), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(out / row["mask"]), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert mask is not None
        assert picture.shape == mask.shape == (int(row["height"]), int(row["width"])) == (96, 128)
        assert set(np.unique(mask)) <= {0, *as_mask(np.array([*Finding][1:], np.uint8))}
        assert row["sha256"] == hashlib.sha256((out / row["file"]).read_bytes()).hexdigest()
    assert not any(
        cv2.imread(str(out / row["mask"]), cv2.IMREAD_UNCHANGED).any()
        for row in rows
        if row["label"] == "NORMAL"
    )
    assert len(read_scans(out)) == 20


def test_keeps_the_real_patient_source_and_split(real: Path, tmp_path: Path) -> None:
    run("--data", real, "--out", tmp_path / "set", "--per-class", 6, "--labels", "CSR", "MH")

    taken = {
        (row["patient_id"], row["source"], row["split"])
        for row in read_table(tmp_path / "set" / "manifest.csv")
    }
    assert taken == {
        ("octdl:a", "grafted-octdl", "train"),
        ("kermany:b", "grafted-kermany", "train"),
        ("octdl:c", "grafted-octdl", "val"),
    }


def test_takes_only_the_splits_asked_for(real: Path, tmp_path: Path) -> None:
    run("--data", real, "--out", tmp_path / "set", "--per-class", 3, "--labels", "CSR", "--splits", "val")

    assert {row["patient_id"] for row in read_table(tmp_path / "set" / "manifest.csv")} == {"octdl:c"}


def test_same_seed_same_set(real: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 7), ("again", 7), ("other", 8)):
        run(
            *("--data", real / "manifest.csv", "--out", tmp_path / name, "--per-class", 2),
            *("--labels", "CSR", "DR", "--seed", seed),
        )

    first, again, other = (
        (tmp_path / name / "manifest.csv").read_text() for name in ("first", "again", "other")
    )
    assert first == again
    assert first != other


def test_looks_once_for_layers_that_are_not_there(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: Counter[bytes] = Counter()

    def counting(scan: Grey) -> Layers:
        searched[scan.tobytes()] += 1
        return find_layers(scan)

    monkeypatch.setattr(grafting, "find_layers", counting)
    run("--data", real, "--out", tmp_path / "set", "--per-class", 8, "--labels", "CSR", "MH", "NORMAL")

    assert searched[noise().tobytes()] == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--labels", "CSR", "GLAUCOMA"), "GLAUCOMA"),
        (("--labels", "CSR", "CSR"), "twice"),
        (("--per-class", 0), "--per-class"),
        (("--seed", -1), "--seed"),
    ],
)
def test_refuses_what_it_cannot_draw(
    real: Path, tmp_path: Path, options: tuple[object, ...], named: str
) -> None:
    with pytest.raises(DataError, match=named):
        run("--data", real, "--out", tmp_path / "set", "--per-class", 1, *options)

    assert not (tmp_path / "set").exists()


def test_keeps_a_set_that_is_there(real: Path, tmp_path: Path) -> None:
    run("--data", real, "--out", tmp_path / "set", "--per-class", 1, "--labels", "CSR")

    with pytest.raises(DataError, match="choose another --out"):
        run("--data", real, "--out", tmp_path / "set", "--per-class", 2, "--labels", "CSR")

    assert len(read_table(tmp_path / "set" / "manifest.csv")) == 1


@pytest.mark.parametrize(
    ("kept", "named"),
    [
        (["sick.png"], "no real scan of NORMAL"),
        (["sick.png", "drawn.png", "grafted.png", "tested.png"], "no real scan of NORMAL"),
        (["sick.png", "without layers.png"], "none of the 1 healthy scans"),
    ],
    ids=["only sick", "only drawn or tested", "no layers"],
)
def test_says_when_nothing_can_be_drawn_into(real: Path, tmp_path: Path, kept: list[str], named: str) -> None:
    table = real / "manifest.csv"
    write_table(table, [row for row in read_table(table) if row["file"] in kept])

    with pytest.raises(DataError, match=named):
        run("--data", real, "--out", tmp_path / "set", "--per-class", 1)

    assert not (tmp_path / "set" / "manifest.csv").exists()


def test_asks_for_a_split_first(real: Path, tmp_path: Path) -> None:
    table = real / "manifest.csv"
    write_table(table, [{**row, "split": ""} for row in read_table(table)])

    with pytest.raises(DataError, match="retinote data split"):
        run("--data", real, "--out", tmp_path / "set", "--per-class", 1)


def test_names_a_scan_that_is_broken(real: Path, tmp_path: Path) -> None:
    for name in "abc":
        (real / f"{name}.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"[abc]\.png"):
        run("--data", real, "--out", tmp_path / "set", "--per-class", 1)
