"""Folders of modalities that tests write."""

from __future__ import annotations

from pathlib import Path

PROFILE = """\
title = "Colour fundus photograph"
order = 3
model = "fundus"
picture = "photograph"
eye = true
dicom = ["OP"]

[labels]
NORMAL = "nothing that the model knows"
DR = "diabetic retinopathy"

[[fields]]
name = "field"
title = "Field of view"
choices = [{ value = "45", title = "45 degrees" }, { value = "wide", title = "Wide" }]
"""
GUIDELINE = """\
version: "1"
signed_off_by: null
minimum_confidence: 0.5
tiers: {none: No referral, soon: Soon}
sources: {}
states:
  answered: {recommends: step}
  undecided: {recommends: step}
  not_answered: {recommends: review, tier: soon, action: A clinician has to read it.}
labels:
  NORMAL: {threshold: 0.5, tier: none, action: No referral., reason: Nothing stands out., sources: []}
  DR: {threshold: 0.3, tier: soon, action: Refer., reason: Possible retinopathy., sources: []}
"""


def write_modality(
    folder: Path, name: str = "fundus", *, old: str = "", new: str = "", guideline: str = GUIDELINE
) -> Path:
    """A folder with a modality, `old` replaced by `new` in its profile; returns `folder`, which it lies in."""
    assert old in PROFILE
    own = folder / name
    own.mkdir(parents=True)
    (own / "profile.toml").write_text(PROFILE.replace(old, new) if old else PROFILE, encoding="utf-8")
    (own / "guideline.yaml").write_text(guideline, encoding="utf-8")
    return folder
