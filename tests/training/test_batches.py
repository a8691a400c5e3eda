"""How often scans are drawn, and what the cache of reduced scans holds."""

import errno
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from handlers.card import InputSpec
from handlers.preprocessing import normalise, to_tensor
from training.batches import OUTLIER, LabelSampler, ordered_batches, training_batches, weights, with_outliers
from training.cache import cached_pixels, read_pixels
from training.data.manifest import DataError, Scan
from training.data.reading import read_scans
from training.recipe import load_recipe

SPEC = InputSpec(size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


def scans_of(*counts: tuple[str, str, int]) -> list[Scan]:
    return [
        Scan(path=Path(f"{label}-{source}-{number}.png"), label=label, source=source)
        for label, source, count in counts
        for number in range(count)
    ]


def share(scans: list[Scan], drawn: np.ndarray, **facts: str) -> float:
    chosen = [all(getattr(scan, key) == value for key, value in facts.items()) for scan in scans]
    return float(drawn[chosen].sum() / drawn.sum())


def test_a_balance_of_one_draws_every_label_equally_often() -> None:
    scans = scans_of(("CNV", "octdl", 90), ("MH", "octdl", 10))
    drawn = weights(scans, balance=1, simulated_share=0.5)
    assert share(scans, drawn, label="MH") == pytest.approx(0.5)
    drawn = weights(scans, balance=0, simulated_share=0.5)
    assert share(scans, drawn, label="MH") == pytest.approx(0.1)


def test_simulated_scans_get_their_share_beside_real_ones() -> None:
    scans = scans_of(
        ("CNV", "octdl", 50), ("CNV", "simulator", 10), ("CSR", "simulator", 20), ("CSR", "grafted-octdl", 20)
    )
    drawn = weights(scans, balance=1, simulated_share=0.3)
    assert share(scans, drawn, label="CNV") == pytest.approx(0.5)
    assert share(scans, drawn, label="CNV", source="simulator") == pytest.approx(0.15)
    assert share(scans, drawn, label="CSR") == pytest.approx(0.5)


def test_outliers_get_their_share_of_all() -> None:
    scans = scans_of(("CNV", "octdl", 90), ("MH", "octdl", 10), ("ERM", "octdl", 7), ("RVO", "octdl", 3))
    recipe = load_recipe("published", {"balance": 1.0, "outlier_share": 0.2})
    drawn = with_outliers(scans, ["CNV", "MH"], recipe)
    assert share(scans, drawn, label="ERM") == pytest.approx(0.1)
    assert share(scans, drawn, label="RVO") == pytest.approx(0.1)
    assert share(scans, drawn, label="MH") == pytest.approx(0.4)
    without = with_outliers(scans[:100], ["CNV", "MH"], recipe)
    assert share(scans[:100], without, label="MH") == pytest.approx(0.5)


def test_a_scan_of_another_label_is_an_outlier(manifest_data: Path, tmp_path: Path) -> None:
    scans = read_scans(manifest_data)
    recipe = load_recipe("published", {"size": 32, "batch_size": 32, "outlier_share": 0.5})
    batches = training_batches(scans, ["HIGH"], recipe, tmp_path / "cache")
    targets = torch.cat([targets for _, targets in batches])
    assert set(targets.tolist()) == {OUTLIER, 0}


def test_an_epochs_draw_depends_on_seed_and_epoch_alone() -> None:
    def draw(seed: int, epoch: int) -> list[int]:
        sampler = LabelSampler(np.ones(50), count=40, seed=seed)
        sampler.set_epoch(epoch)
        torch.rand(7)  # what else is drawn doesn't matter
        return list(sampler)

    assert draw(1, 5) == draw(1, 5)
    assert len({tuple(draw(*key)) for key in ((1, 5), (1, 6), (2, 5))}) == 3


def test_training_batches_are_larger_than_the_input_and_balanced(manifest_data: Path, tmp_path: Path) -> None:
    scans = read_scans(manifest_data)
    recipe = load_recipe("published", {"size": 56, "batch_size": 8, "scans_per_epoch": 64})
    batches = training_batches(scans, ["HIGH", "LOW"], recipe, tmp_path / "cache")
    counts: Counter[int] = Counter()
    for images, targets in batches:
        assert images.shape == (8, 1, 64, 64) and images.dtype == torch.uint8
        counts.update(targets.tolist())
    assert sum(counts.values()) == 64 and min(counts.values()) > 16


def test_ordered_batches_are_what_the_model_server_feeds_the_network(
    manifest_data: Path, tmp_path: Path
) -> None:
    scans = read_scans(manifest_data)
    batches = ordered_batches(scans, ["HIGH", "LOW"], 32, 5, tmp_path / "cache")
    inputs = torch.cat([normalise(images, SPEC) for images, _ in batches])
    assert torch.equal(inputs, torch.stack([to_tensor(read_pixels(scan), SPEC) for scan in scans]))
    assert [int(target) for _, targets in batches for target in targets] == [
        ["HIGH", "LOW"].index(scan.label) for scan in scans
    ]


def test_the_cache_is_read_again_until_a_scan_changes(manifest_data: Path, tmp_path: Path) -> None:
    scans, cache = read_scans(manifest_data), tmp_path / "cache"
    first = cached_pixels(scans, 16, cache).copy()
    assert len(list(cache.iterdir())) == 1
    cached_pixels(scans, 16, cache)
    assert len(list(cache.iterdir())) == 1
    cv2.imwrite(str(scans[0].path), np.full((40, 40), 200, np.uint8))
    os.utime(scans[0].path, (1, 1))
    assert not np.array_equal(cached_pixels(scans, 16, cache)[0], first[0])


def test_a_cropped_scan_is_another_in_the_cache(manifest_data: Path, tmp_path: Path) -> None:
    scans, cache = read_scans(manifest_data), tmp_path / "cache"
    wide = np.zeros((40, 80), np.uint8)
    wide[:, 20:60] = 200
    cv2.imwrite(str(scans[0].path), wide)

    stretched, cropped = (cached_pixels(scans[:1], 16, cache, resize) for resize in ("stretch", "crop"))

    assert stretched.min() < 10
    assert cropped.min() > 190


def test_one_coloured_scan_keeps_the_colours_of_all(manifest_data: Path, tmp_path: Path) -> None:
    scans = read_scans(manifest_data)
    cv2.imwrite(str(scans[3].path), np.full((40, 40, 3), (10, 20, 30), np.uint8))
    stored = cached_pixels(scans, 16, tmp_path / "cache")
    assert stored.shape[1] == 3
    assert stored[3][:, 8, 8].tolist() == [30, 20, 10]
    assert (stored[0] == stored[0][:1]).all()


def test_a_broken_scan_is_named_and_leaves_no_cache(manifest_data: Path, tmp_path: Path) -> None:
    scans, cache = read_scans(manifest_data), tmp_path / "cache"
    scans[5].path.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=scans[5].path.name):
        cached_pixels(scans, 16, cache)
    assert list(cache.iterdir()) == []


def test_a_full_disk_says_what_the_cache_needs(
    manifest_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(DataError, match="No space left on device.*--cache"):
        cached_pixels(read_scans(manifest_data), 64, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
