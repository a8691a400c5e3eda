"""What a decoder of findings learns from: masks by kind that move with their scans, and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.augmentation import Augmentation
from training.data.manifest import DataError
from training.findings.kinds import KINDS, LABELS_FILE, LabelFindings, read_label_findings
from training.findings.learning import label_loss, mask_loss
from training.findings.measuring import fit_temperature, measure
from training.recipe import load_recipe
from training.simulator.labels import LABELS

CHANNELS = len(KINDS) + 1
HEALTHY = LabelFindings(goes_with=(), needs=())


def sure_of(channel: int, rows: slice, columns: slice, scans: int = 1, side: int = 8) -> torch.Tensor:
    """Logits (scans, CHANNELS, side, side): the channel in a box, and none elsewhere."""
    logits = torch.zeros(scans, CHANNELS, side, side)
    logits[:, 0] = 6.0
    logits[:, 0, rows, columns] = 0.0
    logits[:, channel, rows, columns] = 6.0
    return logits


def test_marks_move_with_their_scan_and_take_on_no_look() -> None:
    pixels = torch.zeros(6, 1, 64, 64, dtype=torch.uint8)
    pixels[:, :, 20:40, 8:30] = 255
    recipe = load_recipe(
        "published", {"flip": 0.5, "rotation_degrees": 20.0, "white_outside": 0.0, "noise": 0.0}
    )

    images, marks = Augmentation(recipe, 48).with_marks(pixels, pixels, torch.Generator().manual_seed(3))

    assert marks.shape == images.shape == (6, 1, 48, 48)
    bright = images > images.amax((1, 2, 3), keepdim=True) / 2
    assert ((marks > 0.5) == bright).float().mean() > 0.99


def test_what_lies_outside_a_scan_is_white_but_no_finding() -> None:
    nothing = torch.zeros(8, 1, 64, 64, dtype=torch.uint8)
    recipe = load_recipe("published", {"crop_smallest": 1.5, "crop_largest": 2.0, "white_outside": 1.0})

    images, marks = Augmentation(recipe, 48).with_marks(nothing, nothing, torch.Generator().manual_seed(0))

    assert images.amax((1, 2, 3)).min() > 0.5
    assert marks.max() == 0


def test_every_label_of_the_simulator_with_real_scans_has_findings() -> None:
    label_findings = read_label_findings()

    assert set(label_findings) <= set(LABELS)
    assert label_findings["NORMAL"].excludes == tuple(range(1, CHANNELS))
    assert KINDS.index("hole") + 1 in label_findings["MH"].needs


def test_findings_of_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "labels.toml"
    file.write_text(LABELS_FILE.read_text().replace('"hole"', '"abyss"'))

    with pytest.raises(DataError, match="MH.goes_with names 'abyss'; kinds are fluid_within"):
        read_label_findings(file)


def test_a_mask_is_learnt_by_its_kind() -> None:
    box = (slice(2, 5), slice(1, 6))
    shares = sure_of(2, *box).softmax(1).round()

    right, wrong, none = (mask_loss(sure_of(channel, *box), shares) for channel in (2, 3, 0))

    assert right < 0.5 * min(wrong, none)


def test_a_label_teaches_what_is_not_there_and_what_has_to_be_somewhere() -> None:
    box = (slice(0, 3), slice(0, 3))
    empty, found = sure_of(0, *box).softmax(1), sure_of(1, *box).softmax(1)
    sick = LabelFindings(goes_with=(1,), needs=(1,))

    assert label_loss(empty, [HEALTHY]) < label_loss(found, [HEALTHY])
    assert label_loss(found, [sick]) < label_loss(empty, [sick])


def test_kinds_that_hold_point_at_their_masks_and_are_not_seen_in_healthy_eyes() -> None:
    box = (slice(2, 6), slice(2, 6))
    scans = 12
    marks = np.zeros((scans, 16, 16), np.uint8)
    marks[:, 4:12, 4:12] = 1
    seen = sure_of(1, *box, scans=scans).softmax(1)
    healthy = sure_of(3, *box, scans=scans).softmax(1)

    measured = measure(seen, marks, healthy)

    fluid, material = measured["fluid_within"], measured[KINDS[2]]
    assert (fluid.scans, fluid.pointing, fluid.found, fluid.false) == (scans, 1.0, 1.0, 0.0)
    assert fluid.energy > 0.8 and fluid.dice > 0.8 and fluid.holds
    assert material.false == 1.0 and not material.holds


def test_the_temperature_makes_sure_decoders_as_sure_as_they_are_right() -> None:
    """Logits that are 95 % sure of what is so in 70 % of positions are to be divided by more than 1."""
    random = torch.Generator().manual_seed(0)
    truth = torch.where(torch.rand(1, 40, 40, generator=random) < 0.7, 1, 0)
    shares = torch.nn.functional.one_hot(truth, CHANNELS).permute(0, 3, 1, 2).float()
    logits = torch.full((1, CHANNELS, 40, 40), -20.0)
    logits[:, 0], logits[:, 1] = 0.0, float(np.log(0.95 / 0.05))

    temperature = fit_temperature(logits, shares)

    assert temperature == pytest.approx(np.log(0.95 / 0.05) / np.log(0.7 / 0.3), rel=0.1)
