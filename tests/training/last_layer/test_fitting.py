"""The logistic regression behind a last layer."""

import pytest
import torch

from training.last_layer.fitting import Examples, Layer, fit_layer

CELLS = 4
INSIDE = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, CELLS)


def pool(maps: torch.Tensor) -> torch.Tensor:
    """The mean over all cells, as most heads make it."""
    return maps.mean((2, 3))


def drawn(labels: int, count: int = 90) -> Examples:
    """Maps of one row. The label lies in channel 0 within the region, and more clearly in channel 1 beside it.

    Channel 2 is noise, and channel 3 never changes.
    """
    maps = torch.randn(count, 4, 1, CELLS, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(count) % labels
    maps[:, 0] += 2 * targets.view(-1, 1, 1) * INSIDE
    maps[:, 1] += 4 * targets.view(-1, 1, 1) * (1 - INSIDE)
    maps[:, 3] = 7
    return Examples(maps, targets)


def share_inside(layer: Layer, examples: Examples) -> float:
    """The mean share of the heat of the true labels that lies in the region."""
    maps = torch.einsum("nchw,nc->nhw", examples.maps, layer.weight[examples.targets]).relu()
    return float(((maps * INSIDE).sum((1, 2)) / (maps.sum((1, 2)) + 1e-9)).mean())


@pytest.mark.parametrize("labels", [2, 3])
def test_the_layer_tells_the_labels_apart_by_the_channels_that_show_them(labels: int) -> None:
    examples = drawn(labels)
    layer = fit_layer(examples, pool, labels, penalty=1.0)

    assert layer.weight.shape == (labels, 4) and layer.bias.shape == (labels,)
    predicted = (pool(examples.maps) @ layer.weight.T + layer.bias).argmax(1)
    assert (predicted == examples.targets).float().mean() > 0.9
    assert layer.weight[:, 1].abs().max() > 2 * layer.weight[:, 2].abs().max()
    assert layer.weight.isfinite().all()


def test_two_labels_share_the_weights_with_opposite_signs() -> None:
    layer = fit_layer(drawn(2), pool, 2, penalty=1.0)

    assert torch.allclose(layer.weight[0], -layer.weight[1], atol=1e-4)


def test_a_penalty_makes_weights_small() -> None:
    free, held = (fit_layer(drawn(2), pool, 2, penalty) for penalty in (0.1, 1000.0))

    assert held.weight.abs().max() < 0.2 * free.weight.abs().max()


def test_heat_is_drawn_into_the_region_by_other_weights() -> None:
    examples = drawn(2)
    shares = INSIDE.expand(len(examples.targets), 1, CELLS)
    by_region = Examples(examples.maps, examples.targets, shares)
    alone = fit_layer(examples, pool, 2, 1.0)
    without, with_heat = (fit_layer(by_region, pool, 2, 1.0, heat) for heat in (0.0, 3.0))

    assert abs(alone.weight[1, 1]) > abs(alone.weight[1, 0]), "beside the region the label is clearer"
    assert share_inside(without, examples) > share_inside(alone, examples)
    assert share_inside(with_heat, examples) > share_inside(without, examples) + 0.1
    predicted = (pool(examples.maps) @ with_heat.weight.T + with_heat.bias).argmax(1)
    assert (predicted == examples.targets).float().mean() > 0.75
