"""Lesions drawn into healthy scans: layers, masks, what stays as it was, and the command `data graft`."""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.images import Grey, bscan
from training.data.manifest import DataError, read_scans
from training.simulator import grafting, simulate
from training.simulator.findings import Finding, as_mask
from training.simulator.graft_commands import add_graft_arguments
from training.simulator.graft_commands import graft as graft_set
from training.simulator.grafting import LABELS, graft
from training.simulator.layers import Layers, corners, find_layers

SICK = [label for label in LABELS if label != "NORMAL"]
WIDTH, HEIGHT = 256, 192
CORNER = 24

Bits = npt.NDArray[np.bool_]


def drawn(scan: Grey, label: str, seed: int) -> tuple[Grey, Bits]:
    found = graft(scan, label, seed)
    assert found is not None
    picture, findings = found
    return picture, findings > 0


def turned(scan: Grey, picture: Grey) -> Grey:
    """The scan, mirrored where its picture is."""
    return min((scan, scan[:, ::-1]), key=lambda side: float(np.abs(side.astype(float) - picture).mean()))


def noise(seed: int = 0) -> Grey:
    """A picture without any retina."""
    return np.random.default_rng(seed).integers(0, 60, (HEIGHT, WIDTH)).astype(np.uint8)


def with_white_corners(scan: Grey) -> tuple[Grey, Bits]:
    """The scan as a rotation leaves it in some archives, and where it is white."""
    rows, columns = np.indices(scan.shape)
    down, across = (np.minimum(at, at.max() - at) for at in (rows, columns))
    white = down + across < CORNER
    return np.where(white, 255, scan).astype(np.uint8), white


@pytest.mark.parametrize("seed", range(3))
def test_finds_where_the_retina_begins_and_ends(seed: int) -> None:
    layers = find_layers(bscan(WIDTH, HEIGHT, seed))

    x = np.linspace(-1, 1, WIDTH)
    pit = np.random.default_rng(seed).uniform(0.06, 0.12) * np.exp(-((x / 0.18) ** 2))
    assert layers.trusted
    np.testing.assert_allclose(layers.inner, HEIGHT * (0.36 + 0.05 * x**2 + pit), atol=4)
    # The bright band is as thick as 0.03 of the height; its upper edge counts.
    np.testing.assert_allclose(layers.outer, HEIGHT * (0.60 - 0.015 + 0.04 * x**2), atol=4)


def test_finds_layers_beneath_white_corners() -> None:
    scan, white = with_white_corners(bscan(WIDTH, HEIGHT))

    cornered, plain = find_layers(scan), find_layers(bscan(WIDTH, HEIGHT))

    assert cornered.trusted
    np.testing.assert_allclose(cornered.inner, plain.inner, atol=3)
    np.testing.assert_allclose(cornered.outer, plain.outer, atol=3)
    assert corners(scan)[white].all()


@pytest.mark.parametrize(
    "picture",
    [noise(), np.zeros((HEIGHT, WIDTH), np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8), noise()[:3, :5]],
    ids=["noise", "black", "white", "tiny"],
)
def test_draws_nothing_where_no_retina_is_found(picture: Grey) -> None:
    assert not find_layers(picture).trusted
    assert graft(picture, "CSR", 0) is None


@pytest.mark.parametrize("label", LABELS)
def test_same_seed_same_picture(label: str) -> None:
    scan = bscan(WIDTH, HEIGHT)
    (picture, mask), (again, mask_again), (other, _) = (drawn(scan, label, seed) for seed in (4, 4, 5))

    assert picture.dtype == np.uint8
    assert mask.dtype == np.bool_
    assert picture.shape == mask.shape == scan.shape
    np.testing.assert_array_equal(picture, again)
    np.testing.assert_array_equal(mask, mask_again)
    assert (picture != other).any()


@pytest.mark.parametrize("label", SICK)
def test_every_lesion_has_a_mask_and_is_where_the_scan_changed(label: str) -> None:
    for seed, scan in enumerate(simulate("NORMAL", 8, 1, 248, 256).images):
        found = graft(scan, label, seed)
        if found is None:
            continue
        picture, mask = found[0], found[1] > 0
        change = np.abs(turned(scan, picture).astype(float) - picture)

        assert 0 < mask.mean() < 0.35
        assert change[mask].mean() > 1.2 * change[~mask].mean()


@pytest.mark.parametrize("seed", range(4))
def test_serous_fluid_is_dark_and_rests_on_the_epithelium(seed: int) -> None:
    scan = bscan(WIDTH, HEIGHT)
    layers = find_layers(scan)
    picture, mask = drawn(scan, "CSR", seed)

    column = int(mask.sum(0).argmax())
    fluid = np.flatnonzero(mask[:, column])
    flat = layers.outer if (turned(scan, picture) == scan).all() else layers.outer[::-1]
    assert np.median(picture[mask]) < 30
    assert abs(fluid.max() - flat[column]) < 0.06 * HEIGHT
    assert picture[fluid.min() - 20 : fluid.min() - 3, column].mean() > 2 * picture[fluid, column].mean()


@pytest.mark.parametrize("seed", range(4))
def test_a_hole_is_a_dark_gap_near_the_middle(seed: int) -> None:
    picture, mask = drawn(bscan(WIDTH, HEIGHT), "MH", seed)

    assert np.median(picture[mask]) < 30
    assert 0.3 * WIDTH < mask.sum(0).argmax() < 0.7 * WIDTH


@pytest.mark.parametrize("seed", range(4))
def test_retinopathy_has_spots_brighter_than_the_retina_was(seed: int) -> None:
    scan = bscan(WIDTH, HEIGHT)
    picture, mask = drawn(scan, "DR", seed)

    before = turned(scan, picture)[mask]
    assert np.percentile(picture[mask], 90) > np.percentile(before, 90)


def test_healthy_scans_are_warped_but_have_no_mask() -> None:
    scan = bscan(WIDTH, HEIGHT)
    for seed in range(4):
        picture, mask = drawn(scan, "NORMAL", seed)

        assert not mask.any()
        assert (picture != turned(scan, picture)).any()


@pytest.mark.parametrize("label", LABELS)
def test_white_corners_stay_where_they_are(label: str) -> None:
    scan, white = with_white_corners(bscan(WIDTH, HEIGHT))
    near = cv2.dilate(white.astype(np.uint8), np.ones((3, 3))) > 0
    for seed in range(3):
        picture, mask = drawn(scan, label, seed)

        assert (picture[white] == 255).all()
        assert not mask[white].any()
        # No white is drawn into the dark beside them.
        for rows in (slice(CORNER), slice(-CORNER, None)):
            assert picture[rows][~near[rows]].max() < 150


# The command.


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


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


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
