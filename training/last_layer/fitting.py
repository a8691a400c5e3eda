"""A last layer by logistic regression, whose heat maps lie in a region if one is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

Pool = Callable[[torch.Tensor], torch.Tensor]
"""The inputs of the last layer (scans, channels) for maps (scans, channels, rows, columns), as the network pools them."""

SMALLEST_SPREAD = 1e-6
"""Least standard deviation of a channel that is used; one that hardly changes would get a huge weight."""
SMALLEST_SHARE = 1e-6
"""Least sum of a region's shares, as a picture may show nothing of it."""
SMALLEST_HEAT = 1e-9
"""Added to the sum of a heat map, as a map may be cold everywhere."""
STEPS = 100


@dataclass(frozen=True)
class Examples:
    """What a last layer learns from: the maps of scans with the numbers of their labels (scans,).

    `shares` (scans, rows, columns) says how much of each cell lies in the region, 0 to 1; None without a region.
    """

    maps: torch.Tensor
    targets: torch.Tensor
    shares: torch.Tensor | None = None


@dataclass(frozen=True)
class Layer:
    """A linear layer: weight (labels, channels) and bias (labels,)."""

    weight: torch.Tensor
    bias: torch.Tensor


def fit_layer(examples: Examples, pool: Pool, labels: int, penalty: float, heat: float = 0.0) -> Layer:
    """The layer that tells `labels` labels apart.

    `penalty` is that of the squared weights, each channel divided by its standard deviation. With a region the label is
    learnt from the region's cells alone, too, and `heat` is the weight of the share of Grad-CAM's map that lies beside
    the region: A. S. Ross et al., "Right for the Right Reasons", IJCAI 2017.
    """
    with torch.no_grad():
        whole = pool(examples.maps)
        seen = [whole] if examples.shares is None else [whole, pool(_means(examples.maps, examples.shares))]
    spread, mean = torch.std_mean(whole, dim=0, correction=0)
    spread[spread < SMALLEST_SPREAD] = torch.inf  # which gives the channel no weight
    scaled = torch.zeros(labels, whole.shape[1], requires_grad=True)
    bias = torch.zeros(labels, requires_grad=True)

    def loss(heat: float) -> torch.Tensor:
        targets = examples.targets
        total = penalty * scaled.square().sum() / (2 * len(targets))
        for inputs in seen:
            total = total + functional.cross_entropy(((inputs - mean) / spread) @ scaled.T + bias, targets)
        if heat and examples.shares is not None:
            total = total + heat * _beside(examples, examples.shares, pool, scaled / spread)
        return total

    # The heat of weights that are all 0 is nowhere, so that a first fit goes without it.
    _minimise([scaled, bias], lambda: loss(0.0))
    if heat:
        _minimise([scaled, bias], lambda: loss(heat))
    weight = (scaled / spread).detach()
    return Layer(weight, (bias - weight @ mean).detach())


def _beside(examples: Examples, shares: torch.Tensor, pool: Pool, weight: torch.Tensor) -> torch.Tensor:
    """The mean share of the heat of the true labels that lies beside the region, 0 to 1."""
    pooled = examples.maps.mean((2, 3), keepdim=True).requires_grad_()
    logits = (pool(pooled) * weight[examples.targets]).sum()
    # As every cell has the same share in the mean, this is Grad-CAM's weight of each channel, but for a factor.
    (importance,) = torch.autograd.grad(logits, pooled, create_graph=True)
    maps = torch.einsum("nchw,nc->nhw", examples.maps, importance.flatten(1)).relu()
    inside = (maps * shares).sum((1, 2)) / (maps.sum((1, 2)) + SMALLEST_HEAT)
    return 1 - inside.mean()


def _means(maps: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Maps of one cell: the mean of the cells of each, weighted by their shares."""
    weights = shares / shares.sum((1, 2), keepdim=True).clamp(min=SMALLEST_SHARE)
    return torch.einsum("nchw,nhw->nc", maps, weights)[..., None, None]


def _minimise(values: list[torch.Tensor], loss: Callable[[], torch.Tensor]) -> None:
    """Change values in place until the loss is least."""
    optimizer = torch.optim.LBFGS(values, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
