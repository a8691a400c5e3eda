"""Modalities are folders of data; a mistake in one is told by file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

import modalities
from modalities.guideline import read
from modalities.profile import ProfileError
from modalities.reading import guideline_of, problems
from tests.modalities.folders import GUIDELINE, write_modality


def test_those_that_come_along_are_right_and_oct_is_the_default() -> None:
    assert [each.name for each in modalities.profiles()] == ["oct", "chest-xray"]
    assert modalities.default().name == "oct"
    assert list(problems()) == []
    assert modalities.default().eye and not modalities.profile("chest-xray").eye


def test_a_model_belongs_to_one_modality() -> None:
    found = modalities.of_model("chest-xray")
    assert found is not None and found.title == "Chest X-ray"
    assert modalities.of_model("brain-mri") is None
    with pytest.raises(KeyError, match="There is no modality 'brain-mri'"):
        modalities.profile("brain-mri")


def test_a_folder_of_further_modalities_adds_to_those_that_come_along(tmp_path: Path) -> None:
    more = write_modality(tmp_path)
    assert [each.name for each in modalities.profiles(more)] == ["oct", "chest-xray", "fundus"]
    assert list(problems(more)) == []
    fundus = modalities.profile("fundus", more)
    assert fundus.labels == {"NORMAL": "nothing that the model knows", "DR": "diabetic retinopathy"}
    assert fundus.fields[0].titles == {"45": "45 degrees", "wide": "Wide"}
    assert guideline_of(fundus) == read(more / "fundus" / "guideline.yaml")


def test_the_folder_may_be_named_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETINOTE_MODALITIES", str(write_modality(tmp_path)))
    assert modalities.profile("fundus").picture == "photograph"


def test_the_least_order_is_the_default(tmp_path: Path) -> None:
    more = write_modality(tmp_path, old="order = 3", new="order = 0")
    assert modalities.default(more).name == "fundus"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"fundus"', '"retina-oct"', "profile.toml: model: oct has the model retina-oct, too"),
        ('model = "fundus"', 'model = "../fundus"', "model: '../fundus' can't name a model"),
        ("order = 3", "order = 3\nordre = 3", "field ordre is not known"),
        ("order = 3", 'order = 3\nname = "oct"', "field name is not known"),
        ("order = 3", 'order = "3"', "order must be a whole number"),
        ("order = 3", "order = 3\norder = 4", "profile.toml: Cannot overwrite a value"),
        ("eye = true", 'eye = "yes"', "eye must be true or false"),
        (
            "[[fields]]",
            '[groups]\none = ["DR"]\ntwo = ["DR", "NORMAL"]\n[[fields]]',
            "groups: the label 'DR' is in two of them",
        ),
        ("[[fields]]", '[groups]\none = ["DR", "AMD"]\n[[fields]]', "groups: 'AMD' is not one of the labels"),
        ("[[fields]]", "[units]\nsize = 'inches'\n[[fields]]", "units.size must be one of"),
        ("[[fields]]", "[units]\narea = 'acres'\n[[fields]]", "units.area must be one of"),
        (
            "[[fields]]",
            "[units]\nmost_pixel = 1e6\n[[fields]]",
            "units.most_pixel must be from 0.001 to 10000",
        ),
        ("[[fields]]", "[units]\nleast_pixel = 1000\n[[fields]]", "least_pixel must be below most_pixel"),
        ("[[fields]]", "[[windows]]\ntitle='W'\nlow=0.5\nhigh=0.5\n[[fields]]", "low must be below high"),
        ("[[fields]]", "[[windows]]\ntitle='W'\nlow=0.5\nhigh=1.5\n[[fields]]", "high must be from 0 to 1"),
        ('name = "field"', 'name = "Field"', "fields[0].name must be up to 40"),
        ('value = "45"', 'value = "wide"', "the choice 'wide' stands twice"),
        ('value = "45"', 'value = "4 5"', "choices[0].value must be up to 40"),
        ("NORMAL =", '"NOR/MAL" =', "NOR/MAL"),
    ],
)
def test_a_profile_that_can_not_be_used_is_refused_by_file_and_field(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    more = write_modality(tmp_path, old=old, new=new)
    with pytest.raises(ProfileError) as refused:
        modalities.profiles(more)
    assert named in str(refused.value) and str(tmp_path) in str(refused.value)
    assert [named in problem for problem in problems(more)] == [True]


def test_a_name_stands_in_addresses(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="name must be up to 40 of the letters a to z"):
        modalities.profiles(write_modality(tmp_path, "Fundus_2"))


def test_two_modalities_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="is a modality of the same name"):
        modalities.profiles(write_modality(tmp_path, "oct"))


def test_a_folder_without_a_profile_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    with pytest.raises(ProfileError, match=r"ct/profile\.toml"):
        modalities.profiles(tmp_path)
    with pytest.raises(ProfileError, match="is not a folder"):
        modalities.profiles(tmp_path / "missing")


def test_a_format_that_nobody_reads_is_told(tmp_path: Path) -> None:
    more = write_modality(tmp_path, old="eye = true", new='eye = true\nformats = ["GIF"]')
    assert ["formats: 'GIF' is no format" in problem for problem in problems(more)] == [True]


def test_a_guideline_has_a_step_for_each_label(tmp_path: Path) -> None:
    more = write_modality(tmp_path, guideline=GUIDELINE.replace("  DR:", "  AMD:"))
    (problem,) = problems(more)
    assert problem.endswith("fundus/guideline.yaml: labels: DR has no step, and the profile names it")


def test_a_guideline_that_is_not_there_is_told(tmp_path: Path) -> None:
    more = write_modality(tmp_path)
    (more / "fundus" / "guideline.yaml").unlink()
    assert ["guideline.yaml" in problem for problem in problems(more)] == [True]
