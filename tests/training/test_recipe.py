"""The recipes that come with the project, and the values that a recipe refuses."""

from dataclasses import asdict
from pathlib import Path
from typing import get_type_hints

import pytest

from training.recipe import (
    MAX_EPOCHS,
    MAX_SEED,
    Recipe,
    RecipeError,
    load_recipe,
    named_recipes,
    options,
    without_folders,
)


def test_the_default_is_the_published_recipe() -> None:
    recipe = load_recipe("published")
    assert (recipe.architecture, recipe.pretrained, recipe.size) == ("convnext_base", True, 224)
    assert (recipe.epochs, recipe.batch_size, recipe.patience) == (10, 32, 3)
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 0.001, "plateau")
    assert (recipe.label_smoothing, recipe.rotation_degrees) == (0.1, 15.0)


def test_every_key_of_the_published_recipe_says_something() -> None:
    text = (Path("training") / "recipes" / "published.toml").read_text()
    for option in options():
        assert f"\n{option.name} = " in text


def test_the_modern_recipe_changes_the_published_one() -> None:
    assert named_recipes() == ["modern", "published"]
    modern = load_recipe("modern")
    assert (modern.optimizer, modern.schedule) == ("adamw", "cosine")
    assert modern.ema_decay > 0 and modern.drop_path > 0 and modern.warmup_epochs > 0
    assert modern.size == load_recipe("published").size


def test_a_recipe_of_ones_own_is_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("epochs = 3\n")
    recipe = load_recipe(str(own), {"batch_size": 7})
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer) == (3, 7, "adam")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "no key 'epoch'"),
        ("epochs = ", "not valid TOML"),
        ('epochs = "3"', 'epochs must be a whole number, not "3"'),
        ("epochs = 3.0", "epochs must be a whole number, not 3.0"),
        ("epochs = true", "epochs must be a whole number, not true"),
        ("flip = inf", "flip must be a number"),
        ("pretrained = 1", "pretrained must be true or false, not 1"),
        ("epochs = 0x" + "f" * 5000, "epochs must be from 1 to 100000, not so large a number"),
        ("epochs = 0\nflip = 2", "epochs must be .*; flip must be "),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(own))


def test_an_unknown_recipe_is_told_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="modern or published"):
        load_recipe("ancient")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("learning_rate", -1.0),
        ("learning_rate", float("nan")),
        ("label_smoothing", 1.0),
        ("crop_smallest", 0.0),
        ("workers", -1),
        ("flip", 1.5),
        ("schedule", "staircase"),
        ("gamma", -0.1),
        ("size", 7),
        ("size", 100_000),
        ("first_size", 7),
        ("learning_rate", 1e9),
        ("weight_decay", float("inf")),
        ("noise", float("nan")),
        ("seed", -1),
        ("seed", 5000),
        ("rotation_degrees", 361.0),
    ],
)
def test_an_impossible_value_is_named(key: str, value: object) -> None:
    with pytest.raises(RecipeError, match=f"^{key} must be "):
        load_recipe("published", {key: value})


def test_every_number_has_limits_and_so_has_no_room_for_what_is_none() -> None:
    kinds = get_type_hints(Recipe)
    numbers = [option for option in options() if kinds[option.name] in (int, float)]
    assert len(numbers) > 40
    for option in numbers:
        for value in (float("nan"), float("inf"), 10**400, "1", True):
            with pytest.raises(RecipeError, match=f"^{option.name} must be "):
                load_recipe("published", {option.name: value})


def test_the_largest_seed_fits_into_the_generators() -> None:
    assert MAX_SEED * 1_000_003 + MAX_EPOCHS < 2**32


def test_an_epoch_is_left_at_full_size() -> None:
    with pytest.raises(RecipeError, match="leave none at full size"):
        load_recipe("published", {"first_size": 112, "first_epochs": 10})


def test_keys_that_need_each_other_are_asked_for() -> None:
    with pytest.raises(RecipeError, match="go together"):
        load_recipe("published", {"first_size": 112})
    with pytest.raises(RecipeError, match="go together"):
        load_recipe("published", {"teacher": "runs/teacher"})


def test_a_comma_alone_is_no_teacher() -> None:
    with pytest.raises(RecipeError, match="go together"):
        load_recipe("published", {"teacher": " ,", "teacher_weight": 0.5})


def test_layers_that_learn_slower_have_no_teacher() -> None:
    with pytest.raises(RecipeError, match="without a teacher"):
        load_recipe("published", {"teacher": "runs/vit", "teacher_weight": 0.5, "layer_decay": 0.7})


def test_teachers_are_folders_between_commas(tmp_path: Path) -> None:
    recipe = load_recipe("published", {"teacher": "runs/vit, runs/lite", "teacher_weight": 0.5})
    assert recipe.teachers == (Path("runs/vit"), Path("runs/lite"))
    assert load_recipe("published").teachers == ()

    (tmp_path / "clinics, north" / "1.0.0").mkdir(parents=True)
    one = load_recipe(
        "published", {"teacher": str(tmp_path / "clinics, north" / "1.0.0"), "teacher_weight": 1.0}
    )
    assert one.teachers == (tmp_path / "clinics, north" / "1.0.0",)
    assert without_folders(asdict(one))["teacher"] == "1.0.0"


def test_a_shared_recipe_names_files_without_their_folders() -> None:
    values = {
        "teacher": "/home/anna/vit,/srv/lite",
        "pretrained_file": "/home/anna/a,b.safetensors",
        "seed": 3,
    }
    assert without_folders(values) == {"teacher": "vit,lite", "pretrained_file": "a,b.safetensors", "seed": 3}
