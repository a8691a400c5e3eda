"""The recipe's defaults and the values it refuses."""

import pytest

from training.recipe import Recipe


def test_the_defaults_are_the_published_recipe() -> None:
    recipe = Recipe()
    assert (recipe.architecture, recipe.pretrained, recipe.size) == ("convnext_base", True, 224)
    assert (recipe.epochs, recipe.batch_size, recipe.patience) == (10, 32, 3)
    assert (recipe.learning_rate, recipe.label_smoothing, recipe.rotation_degrees) == (0.001, 0.1, 15.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 0), ("learning_rate", -1.0), ("label_smoothing", 1.0), ("crop_scale", 0.0), ("workers", -1)],
)
def test_an_impossible_value_is_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Recipe(**{field: value})  # type: ignore[arg-type]


def test_a_first_size_needs_its_epochs() -> None:
    with pytest.raises(ValueError, match="go together"):
        Recipe(first_size=112)
