"""Makes a model whose last layer is fitted by `training.last_layer.fitting`, and all else of which is there already."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handlers.card import InputSpec, ModelCard
from handlers.network import classifier, load_network
from training import export, learnt, networks
from training.data.frozen import refuse_held_out_of
from training.data.leaks import find_leaks, refuse_leaks
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import read_all
from training.data.split import split_scans
from training.evaluation.calibration import fit_temperature
from training.evaluation.metrics import compute_metrics, without_none
from training.explanation.regions import REGIONS
from training.last_layer import folds
from training.last_layer.fitting import Examples, Pool, fit_layer
from training.last_layer.maps import read_examples
from training.origin import with_hashes_of_files
from training.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from training.statistics.commands import with_splits
from training.statistics.features import embed

FOLDS_NAME = "folds.json"
LIMITS = ("Research software: its answers are not a diagnosis.",)


@dataclass(frozen=True)
class Order:
    """What to make, from the trained `model` or, without one, from the pretrained `architecture`.

    `size` None keeps the model's; an architecture needs one. `command` is kept in the card.
    """

    model: Path | None
    architecture: str
    pretrained_file: Path | None
    data: Sequence[Path]
    out: Path
    penalty: float
    region: str
    heat: float
    size: int | None
    resize: str
    name: str
    version: str
    cache: Path
    command: str
    folds: int = 0
    """In how many folds the patients of the train and val splits are left out in turn to measure such layers; 0: none."""


def make(order: Order) -> ModelCard:
    """Fit layer and temperature, measure on the val split, write weights and card into `order.out`; returns the card."""
    card = _from_model(order, order.model) if order.model else _from_architecture(order)
    if not order.folds:
        (order.out / FOLDS_NAME).unlink(missing_ok=True)  # of a model that was there before
    return card


def _from_model(order: Order, folder: Path) -> ModelCard:
    card, network = load_network(folder)
    spec = dataclasses.replace(card.input, size=order.size or card.input.size)
    read = with_hashes_of_files(read_all(order.data, list(card.labels)))
    scans = with_splits(card, read)
    _refuse_others(card, scans)
    refuse_held_out_of(scans, order.data)
    temperature, metrics = _fit(order, network, spec, card.labels, scans)
    weights = export.weights_bytes(network)
    order.out.mkdir(parents=True, exist_ok=True)
    export.replace_file(order.out / export.WEIGHTS_NAME, weights)
    made_with = {**card.made_with, "last_layer": {"command": order.command, **export.environment()}}
    new = dataclasses.replace(
        card,
        version=order.version or card.version,
        input=spec,
        temperature=round(temperature, 4),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        metrics={"validation": metrics},
        made_with=made_with,
        # They belong to the layer before.
        statistics=None,
        findings=None,
        int8=None,
    )
    new.save(order.out / export.CARD_NAME)
    return new


def _from_architecture(order: Order) -> ModelCard:
    recipe = load_recipe(
        DEFAULT_RECIPE,
        {
            "architecture": order.architecture,
            "pretrained": True,
            "pretrained_file": str(order.pretrained_file or ""),
            "size": order.size,
            "resize": order.resize,
        },
    )
    read = with_hashes_of_files(read_all(order.data))
    scans = split_scans(read, recipe.validation_share, recipe.seed)
    refuse_held_out_of(scans, order.data)
    refuse_leaks(find_leaks(scans), order.data)
    labels = sorted({scan.label for scan in scans})
    network = networks.build(recipe, len(labels))
    file = order.pretrained_file
    started = {"pretrained_file": export.describe_weights(file)} if file is not None else {}
    networks.refuse_unservable(network, recipe)
    spec = networks.input_spec(network, recipe.size, recipe.resize)
    figures = _measure_folds(order, network, spec, labels, scans, recipe.seed) if order.folds else None
    temperature, metrics = _fit(order, network, spec, labels, scans)
    card = export.save_model(
        order.out,
        network,
        name=order.name,
        version=order.version or "0.0.1",
        architecture=order.architecture,
        labels=labels,
        spec=spec,
        temperature=temperature,
        scans=scans,
        metrics={"validation": metrics},
        limits=LIMITS,
        made_with={"command": order.command, "recipe": _kept(recipe), **export.environment(), **started},
    )
    if figures is not None:
        export.replace_file(order.out / FOLDS_NAME, json.dumps(figures, indent=2).encode())
    return card


def _fit(
    order: Order, network: nn.Module, spec: InputSpec, labels: Sequence[str], scans: Sequence[Scan]
) -> tuple[float, dict[str, Any]]:
    """Give the network its last layer; returns the temperature and the metrics, both by the val split."""
    last = _last_of(network)
    layer = _fitting(order, network, labels)(
        _examples(order, network, spec, labels, of_split(scans, "train"))
    )
    last.weight.copy_(layer.weight)
    last.bias.copy_(layer.bias)
    outputs = embed(network, spec, of_split(scans, "val"), order.cache).outputs(labels)
    temperature = fit_temperature(outputs)
    return temperature, without_none(compute_metrics(outputs, labels, temperature))


def _last_of(network: nn.Module) -> nn.Linear:
    """The layer to be fitted. Raises DataError for a network without a single linear one."""
    last = classifier(network)
    if not isinstance(last, nn.Linear) or last.bias is None:
        raise DataError(f"{type(network).__name__} has no single linear last layer, which could be fitted")
    return last


def _measure_folds(
    order: Order, network: nn.Module, spec: InputSpec, labels: Sequence[str], scans: Sequence[Scan], seed: int
) -> dict[str, Any]:
    """Print how good such layers are on patients that they have not seen, and return it."""
    _last_of(network)  # without one nothing can be measured, which takes long
    used = [scan for scan in scans if scan.split in ("train", "val")]
    examples = _examples(order, network, spec, labels, used)
    fit = _fitting(order, network, labels)
    figures = folds.measure(examples, _pool_of(network), fit, used, labels, order.folds, seed)
    print(folds.table(figures))
    return figures


def _examples(
    order: Order, network: nn.Module, spec: InputSpec, labels: Sequence[str], scans: Sequence[Scan]
) -> Examples:
    network.requires_grad_(False)
    region = REGIONS[order.region] if order.region else None
    examples = read_examples(network, spec, labels, scans, region, order.cache)
    network.cpu()
    return examples


def _fitting(order: Order, network: nn.Module, labels: Sequence[str]) -> folds.Fit:
    """What fits a layer as the order says."""
    heat = order.heat if order.region else 0.0
    return lambda examples: fit_layer(examples, _pool_of(network), len(labels), order.penalty, heat)


def _pool_of(network: nn.Module) -> Pool:
    def pool(maps: torch.Tensor) -> torch.Tensor:
        inputs: torch.Tensor = network.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return inputs.flatten(1)

    return pool


def _refuse_others(card: ModelCard, scans: Sequence[Scan]) -> None:
    """Raise DataError when the model was not trained with these scans, as its card would say too little of its data."""
    note = card.made_with.get(learnt.FIELD)
    used = [scan for scan in scans if scan.split in ("train", "val")]
    missing = sorted(set(card.labels) - {scan.label for scan in of_split(scans, "train")})
    if missing:
        raise DataError(f"the data have no scan of {missing[0]} in the train split")
    if note is None:
        return
    others = len(used) - learnt.found(note, [(scan.sha256, scan.pixels_sha256) for scan in used])
    if others:
        raise DataError(
            f"{card.name} {card.version} was not trained with {others} of these {len(used)} scans; name the data that it "
            "was trained with"
        )


def _kept(recipe: Recipe) -> dict[str, Any]:
    """What the card keeps of the recipe: the keys that were used, and the name of the weights file without its path."""
    return {
        "architecture": recipe.architecture,
        "pretrained_file": Path(recipe.pretrained_file).name,
        "size": recipe.size,
        "resize": recipe.resize,
        "validation_share": recipe.validation_share,
        "seed": recipe.seed,
    }
