"""How the kinds of findings of the modalities that come along are drawn."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import pytest

import modalities
from modalities.profile import ProfileError
from tests.modalities.folders import write_modality
from training.findings.kinds import KINDS

HEAT = Path(__file__).parents[2] / "frontend" / "src" / "drawing" / "canvas" / "heat.json"
APART = 75
"""The least distance of two colours, of 256 steps of red, green and blue."""
PROFILES = [each for each in modalities.profiles() if each.findings]


def _apart(one: str, other: str) -> float:
    return math.dist(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_findings_are_never_in_a_colour_of_the_heat_map(profile: modalities.Profile) -> None:
    stops = json.loads(HEAT.read_text(encoding="utf-8"))["stops"]
    for look in profile.findings.values():
        assert min(_apart(look.colour, stop) for stop in stops) > APART, look.title


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_kinds_are_told_apart_without_colours_too(profile: modalities.Profile) -> None:
    for one, other in combinations(profile.findings.values(), 2):
        assert one.hatch != other.hatch and one.colour != other.colour, (one.title, other.title)


def test_all_kinds_that_a_decoder_learns_have_a_name() -> None:
    assert set(modalities.profile("oct").findings) == set(KINDS)


def test_a_modality_brings_its_own(tmp_path: Path) -> None:
    more = write_modality(
        tmp_path, old="[[fields]]", new='[findings.bleeding]\ntitle = "bleeding"\n[[fields]]'
    )
    found = modalities.profile("fundus", more).findings
    assert [(kind, look.title, look.colour) for kind, look in found.items()] == [
        ("bleeding", "bleeding", "#ffffff")
    ]


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ('Bleeding.title = "bleeding"', "findings.* must be up to 40 of the letters a to z"),
        ('bleeding.title = ""', "findings.bleeding.title must be"),
        ('bleeding = {title = "bleeding", colour = "red"}', "findings.bleeding.colour must be a colour"),
        (
            'bleeding = {title = "bleeding", hatch = "M0 0C1 1"}',
            "findings.bleeding.hatch must be lines of an SVG path",
        ),
    ],
)
def test_what_can_not_be_drawn_is_refused(tmp_path: Path, entry: str, refused: str) -> None:
    more = write_modality(tmp_path, old="[[fields]]", new=f"[findings]\n{entry}\n[[fields]]")
    with pytest.raises(ProfileError, match=refused):
        modalities.profiles(more)
