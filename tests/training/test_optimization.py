"""Which layers learn how fast."""

from dataclasses import replace

import pytest

from handlers.network import build_network
from training.optimization import LearningRate, make_optimizer
from training.recipe import Recipe, RecipeError, load_recipe

RECIPE = replace(load_recipe("modern"), learning_rate=0.001, warmup_epochs=0.0, epochs=2)


def rates(recipe: Recipe) -> dict[str, float]:
    """The learning rate of each parameter of a small vision transformer."""
    network = build_network("vit_tiny_patch16_224", 3)
    names = {id(values): name for name, values in network.named_parameters()}
    optimizer = make_optimizer(network, recipe)
    assert LearningRate(optimizer, recipe, 10).now == pytest.approx(recipe.learning_rate)
    return {names[id(values)]: group["lr"] for group in optimizer.param_groups for values in group["params"]}


def test_all_layers_learn_alike_where_nothing_else_is_said() -> None:
    assert set(rates(RECIPE).values()) == {0.001}


def test_with_layer_decay_each_layer_learns_slower_than_the_one_behind_it() -> None:
    rate = rates(replace(RECIPE, layer_decay=0.5))
    assert rate["head.weight"] == pytest.approx(0.001)
    assert rate["blocks.0.attn.qkv.weight"] < rate["patch_embed.proj.weight"] * 2.001
    for earlier in range(11):
        slow, fast = (rate[f"blocks.{number}.mlp.fc1.weight"] for number in (earlier, earlier + 1))
        assert slow == pytest.approx(fast / 2)


def test_layers_without_an_order_in_timm_are_told_apart_from_a_wrong_optimizer() -> None:
    network = build_network("pit_ti_224", 3)
    with pytest.raises(RecipeError, match="PoolingVisionTransformer.*leave out --layer-decay"):
        make_optimizer(network, replace(RECIPE, layer_decay=0.5))
    make_optimizer(network, RECIPE)
