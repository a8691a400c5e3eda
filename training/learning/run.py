"""One fine-tuning: from the version that answers and a frozen data set to a candidate, step by step and resumable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from accelerate.utils import set_seed
from torch import nn

from handlers.card import CARD_NAME, ModelCard
from handlers.network import is_staged, load_network, pooled_channels
from training import checkpoint, networks
from training.acceleration import make_accelerator
from training.batches import ordered_batches, training_batches
from training.data.frozen import FrozenDataSet, refuse_held_out_of
from training.data.manifest import DataError, Scan, of_split
from training.data.sources import is_simulated
from training.epochs import Epoch
from training.evaluation.metrics import compute_metrics, without_none
from training.export import environment, save_model
from training.learning import carrying, describing, drawing, measuring, sources
from training.learning.decoder import keep_or_refit
from training.learning.folder import (
    MAPS_NAME,
    MODEL_NAME,
    REPORT_NAME,
    SIMULATED_NAME,
    TRAINING_NAME,
    empty,
    refuse_to_empty,
)
from training.learning.order import Order, plan_of
from training.learning.progress import Progress
from training.learning.ranges import measure_ranges_anew
from training.learning.sources import Sources
from training.learning.temperature import fit_temperature_near
from training.logs import TrainingLog
from training.loop import Training, TrainingError
from training.origin import with_hashes_of_files
from training.prediction import Outputs
from training.recipe import Recipe, without_folders
from training.statistics.features import embed
from training.statistics.making import embed_scans, make_statistics
from training.statistics.options import Options

Say = Callable[[str], None]


def run(order: Order, say: Say = print) -> ModelCard | None:
    """Do all steps that are left; returns the candidate's card, or None in all but the main process.

    Raises DataError, RecipeError, TrainingError, CheckpointError, CardError or NetworkError with a message for people.
    """
    bound(order.threads)
    if order.anew:
        refuse_to_empty(order.out, [order.base, order.data_set, *order.replay])
    card, network = load_network(order.base)
    data_set = sources.read_data_set(order.data_set, card)
    replayed = sources.read_replayed(order.replay, card) if order.replay else []
    refuse_held_out_of([*data_set.scans, *replayed], [order.data_set, *order.replay])
    plan = plan_of(order, card, data_set.about.sha256, replayed)
    if os.environ.get("RANK", "0") != "0":
        # The main process trains no more what is trained; to wait for it would take for ever.
        if order.anew or not Progress(order.out, plan).is_done("train"):
            _Steps(order, card, network, data_set, replayed, None, say).train()
        return None
    if order.anew:
        empty(order.out)
    order.out.mkdir(parents=True, exist_ok=True)
    progress = Progress(order.out, plan)
    return _Steps(order, card, network, data_set, replayed, progress, say).all()


def bound(threads: int) -> None:
    """Compute with so many threads, and in the same order each time."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    # What has no deterministic form on a GPU is done nevertheless; on CPUs everything has one.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)


class _Steps:
    """The steps of one run; each leaves files, by which it is not done again."""

    def __init__(
        self,
        order: Order,
        before: ModelCard,
        network: nn.Module,
        data_set: FrozenDataSet,
        replayed: Sequence[Scan],
        progress: Progress | None,
        say: Say,
    ) -> None:
        self._order, self._before, self._network = order, before, network
        self._data_set, self._replayed = data_set, replayed
        self._new, self._about = data_set.scans, data_set.about
        self._progress, self._say = progress, say
        self._model = order.out / MODEL_NAME
        self._training = order.out / TRAINING_NAME

    def all(self) -> ModelCard:
        """Every step that is left, in its order."""
        assert self._progress is not None
        steps: dict[str, Callable[[dict[str, Any]], None]] = {
            "simulate": self._simulate,
            "train": self._train,
            "temperature": self._temperature,
            "statistics": self._statistics,
            "findings": self._findings,
            "evaluate": self._evaluate,
            "explain": self._explain,
            "int8": self._int8,
        }
        for name, work in steps.items():
            if self._progress.is_done(name):
                continue
            self._say(f"step {name}")
            with self._progress.step(name) as facts:
                work(facts)
            if name == "train":  # after the note, so that no kill makes it train again
                checkpoint.remove(self._training)
            self._say(f"step {name}: {facts.get('left_out') or facts.get('note') or 'done'}")
        return ModelCard.load(self._model / CARD_NAME)

    def train(self) -> None:
        """The training alone, in a process beside the main one."""
        self._train({})

    def _sources(self) -> Sources:
        simulated = [] if self._replayed else sources.read_simulated(self._order.out / SIMULATED_NAME)
        return sources.put_together(self._data_set, self._replayed, simulated)

    def _masked(self) -> list[Scan]:
        """Simulated scans of the split val, on which heat maps are measured: the network was not trained on them."""
        replayed = self._replayed_masked()
        return replayed or of_split(sources.read_simulated(self._order.out / SIMULATED_NAME), "val")

    def _replayed_masked(self) -> list[Scan]:
        replayed = of_split(self._replayed, "val")
        return [scan for scan in replayed if scan.mask is not None and is_simulated(scan)]

    def _simulate(self, facts: dict[str, Any]) -> None:
        if self._replayed_masked():
            facts["left_out"] = "the replayed data hold simulated scans"
            return
        folder = self._order.out / SIMULATED_NAME
        sources.simulate(
            folder, self._before, self._order.simulated_per_label, self._order.seed, self._order.threads
        )
        drawn = sources.read_simulated(folder)
        if not drawn:
            facts["left_out"] = "the simulator draws no scans for this model"
        else:
            facts |= {"scans": len(drawn), "note": f"{len(drawn)} scans drawn"}

    def _train(self, facts: dict[str, Any]) -> None:
        order, labels, spec = self._order, list(self._before.labels), self._before.input
        accelerator = make_accelerator(order.recipe)
        accelerator.wait_for_everyone()  # until the scans are drawn
        data = self._sources()
        recipe = replace(
            order.recipe,
            scans_per_epoch=drawing.scans_per_epoch(len(of_split(data.new, "train")), order.recipe),
        )
        processes = accelerator.num_processes
        if recipe.batch_size % processes:
            raise TrainingError(
                f"{processes} processes can't share a batch of {recipe.batch_size} evenly; choose another --processes"
            )
        set_seed(recipe.seed)
        network = networks.build(recipe, len(labels))
        with accelerator.main_process_first():  # which fills the cache for the others
            drawn = drawing.shares(of_split(data.new, "train"), of_split(data.kept, "train"), recipe)
            batches = training_batches(data.of("train"), labels, recipe, order.cache, processes, drawn)
            validation = ordered_batches(
                data.of("val"), labels, spec.size, recipe.batch_size, order.cache, spec.resize
            )
        training = Training(network, recipe, labels, spec, batches, validation, accelerator)
        log = TrainingLog(_made(self._training), labels) if accelerator.is_main_process else None

        def report(epochs: Sequence[Epoch], outputs: Outputs) -> None:
            assert log is not None and self._progress is not None
            log(epochs, outputs)
            self._progress.epochs(len(epochs), recipe.epochs)

        fitted = training.run(
            self._training, _plan_of_training(recipe, data.trained), report if log else None
        )
        if log is None:
            return
        log.close()
        self._save(data, network, fitted.validation, fitted.best.number)
        facts |= {
            "best_epoch": fitted.best.number,
            "validation_macro_f1": round(fitted.best.validation_macro_f1, 4),
            "new_scans": len(of_split(data.new, "train")),
            "kept_scans": len(of_split(data.kept, "train")),
            "replayed": data.replayed,
            "processes": processes,
            "note": f"best epoch {fitted.best.number} of {len(fitted.epochs)}",
        }

    def _save(self, data: Sources, network: nn.Module, validation: Outputs, best_epoch: int) -> None:
        """Write the weights and a first card; the other steps complete it."""
        before, caveats = self._before, describing.caveats_of(data, self._before)
        shutil.rmtree(self._model, ignore_errors=True)
        card = save_model(
            self._model,
            network,
            name=before.name,
            version=self._order.version,
            architecture=before.architecture,
            labels=before.labels,
            spec=before.input,
            temperature=before.temperature,
            scans=with_hashes_of_files([*data.new, *data.kept]),
            metrics={
                "validation": without_none(compute_metrics(validation, before.labels, before.temperature))
            },
            limits=(),
            made_with=self._made_with(data, best_epoch),
        )
        replace(
            card,
            data=describing.data_of(data, before),
            caveats=caveats,
            limits=describing.limits_of(data, before, caveats),
            groups=before.groups,
            rules=before.rules,
        ).save(self._model / CARD_NAME)

    def _made_with(self, data: Sources, best_epoch: int) -> dict[str, Any]:
        recipe = without_folders(asdict(self._order.recipe))
        before = self._before
        return {
            "command": self._order.command,
            "recipe": recipe,
            "best_epoch": best_epoch,
            "threads": self._order.threads,
            **environment(),
            "learning": {
                "data_set": self._about.sha256,
                "data_set_number": self._about.number,
                "from": {"version": before.version, "weights_sha256": before.weights_sha256},
                "replayed": data.replayed,
                "seed": self._order.seed,
                "run": self._order.run,
            },
        }

    def _temperature(self, facts: dict[str, Any]) -> None:
        data = self._sources()
        card, network = load_network(self._model)
        real = [scan for scan in data.of("val") if not is_simulated(scan)]
        outputs = embed(network, card.input, real, self._order.cache).outputs(card.labels)
        temperature = fit_temperature_near(outputs, self._before.temperature)
        # The metrics are those of the stored weights at this temperature, on all validation scans.
        every = embed(network, card.input, data.of("val"), self._order.cache).outputs(card.labels)
        metrics = without_none(compute_metrics(every, card.labels, temperature))
        replace(card, temperature=temperature, metrics={**card.metrics, "validation": metrics}).save(
            self._model / CARD_NAME
        )
        facts |= {
            "before": self._before.temperature,
            "temperature": temperature,
            "scans": len(real),
            "calibration_error": metrics["calibration_error"],
            "note": f"temperature {self._before.temperature:g} before, {temperature:g} now, by {len(real)} scans",
        }

    def _statistics(self, facts: dict[str, Any]) -> None:
        data, before = self._sources(), self._before
        card, network = load_network(self._model)
        if before.statistics is None or pooled_channels(network) is None:
            facts["left_out"] = f"{before.name} {before.version} has no statistics"
            return
        if not data.replayed and carrying.can_be_carried(before):
            train, validation = (
                embed(network, card.input, scans, self._order.cache)
                for scans in (of_split(data.new, "train"), data.of("val"))
            )
            carrying.carry_over(self._order.base, before, self._model, card, train, validation)
            facts["note"] = f"carried over from {before.version}, with the verified scans added"
            return
        options = Options(method=before.statistics.method, coverage=before.statistics.sets.coverage)
        embedded = embed_scans(card, network, data.trained, cache=self._order.cache)
        card = make_statistics(self._model, card, embedded, options)
        replace(card, groups=before.groups, rules=before.rules).save(self._model / CARD_NAME)
        facts["note"] = f"fitted to {len(embedded.reference)} scans"

    def _findings(self, facts: dict[str, Any]) -> None:
        if self._before.findings is None or not is_staged(self._network):
            facts["left_out"] = f"{self._before.name} {self._before.version} has no map of findings"
            return
        masked = [] if self._replayed else sources.read_simulated(self._order.out / SIMULATED_NAME)
        scans = [*self._new, *self._replayed, *masked]
        _, facts["note"] = keep_or_refit(
            self._order.base,
            (self._before, self._network),
            self._model,
            load_network(self._model),
            [scan for scan in scans if scan.split in ("train", "val")],
            self._order.seed,
            self._order.cache,
        )

    def _evaluate(self, facts: dict[str, Any]) -> None:
        test = [scan for scan in of_split(self._new, "test") if scan.label in self._before.labels]
        if not test:
            facts["left_out"] = "the data set has no test scan"
            return
        order = self._order
        facts |= measuring.on_test_set(
            self._model, order.data_set, order.out / REPORT_NAME, order.cache, order.seed
        )

    def _explain(self, facts: dict[str, Any]) -> None:
        masked = [scan for scan in self._masked() if scan.label in self._before.labels]
        if not masked:
            facts["left_out"] = "no validation scan has a mask of its lesions"
            return
        out, seed = self._order.out / MAPS_NAME, self._order.seed
        try:
            facts |= measuring.of_heat_maps(self._model, masked, out, seed)
        except DataError as error:
            # As where all masks are those of healthy scans: the candidate is no worse for it.
            facts["left_out"] = str(error)

    def _int8(self, facts: dict[str, Any]) -> None:
        simulated = sources.read_simulated(self._order.out / SIMULATED_NAME)
        scans = [*self._new, *self._replayed, *simulated]
        facts |= measure_ranges_anew(self._before, self._model, scans, self._order.seed, self._order.cache)


def _plan_of_training(recipe: Recipe, scans: Sequence[Scan]) -> dict[str, Any]:
    """As of any training, without the folders, which may lie elsewhere when it goes on."""
    return without_folders(checkpoint.plan(recipe, scans))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
