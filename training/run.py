"""One training, from labelled scans to a model folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader

from handlers.card import InputSpec, ModelCard
from handlers.network import load_network, pooled_channels
from training import checkpoint, export, networks
from training.acceleration import make_accelerator
from training.batches import Example, ordered_batches, training_batches
from training.data.frozen import learnt_from, refuse_held_out_of
from training.data.leaks import find_leaks, refuse_leaks
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import read_all
from training.data.split import split_scans
from training.epochs import Fit
from training.evaluation.calibration import fit_temperature
from training.evaluation.metrics import compute_metrics, without_none
from training.groups import read_groups
from training.logs import TrainingLog
from training.loop import Training, TrainingError
from training.origin import with_hashes_of_files
from training.prediction import BATCH_SIZE, predict_batches
from training.recipe import Recipe, without_folders
from training.statistics.making import embed_scans, make_statistics
from training.statistics.options import Options

BASE_LIMITS = ("Research software: its answers are not a diagnosis.",)


@dataclass(frozen=True)
class Job:
    """What to train on, how, and where to write.

    `outliers` are labels whose scans teach what has none of the other labels. `statistics` says how statistics are
    fitted, None fits none. `command` is kept in the card.
    """

    data: Sequence[Path]
    out: Path
    recipe: Recipe
    labels: Sequence[str]
    outliers: Sequence[str]
    name: str
    version: str
    cache: Path
    resume: bool
    overwrite: bool
    allow_leaks: bool
    statistics: Options | None
    command: str


@dataclass(frozen=True)
class _Data:
    """The scans of a training with their splits, and what the split leaks, as sentences for the card."""

    scans: Sequence[Scan]
    outliers: Sequence[Scan]
    """Of the train split."""
    labels: Sequence[str]
    leaks: Sequence[str]
    learning: Mapping[str, Any]
    """What the card says of the frozen data set among the data; empty without one."""

    def of_split(self, split: str) -> list[Scan]:
        """The scans of the labels in one split."""
        return of_split(self.labelled, split)

    @property
    def labelled(self) -> list[Scan]:
        """The scans of the labels in all splits."""
        return [scan for scan in self.scans if scan.label in self.labels]


def run(job: Job) -> ModelCard | None:
    """Train, and write weights, card, epochs and reports to `job.out`; the card, or None in all but the main process.

    Raises an error with a message for people when the data, the weights, the recipe or the folder don't allow it.
    """
    accelerator = make_accelerator(job.recipe)
    if accelerator.is_main_process:
        _refuse_to_replace(job)
    data = _read_data(job, accelerator.print)
    processes = accelerator.num_processes
    if job.recipe.batch_size % processes:
        raise TrainingError(
            f"{processes} processes can't share a batch of {job.recipe.batch_size} evenly; choose a --batch-size "
            f"that {processes} divides"
        )
    set_seed(job.recipe.seed)
    network = networks.build(job.recipe, len(data.labels))
    networks.refuse_unservable(network, job.recipe)
    spec = networks.input_spec(network, job.recipe.size, job.recipe.resize)
    # Before the training, so that what can't be described is not found after it.
    made_with = _made_with(job, data)
    accelerator.print(_summary(job, data, accelerator))
    with accelerator.main_process_first():  # which fills the cache for the others
        batches = training_batches(
            [*data.of_split("train"), *data.outliers], data.labels, job.recipe, job.cache, processes
        )
        validation = ordered_batches(
            data.of_split("val"), data.labels, spec.size, job.recipe.batch_size, job.cache, spec.resize
        )
        # Read before the training, so that an unreadable scan is not found after it.
        held_out = data.of_split("test")
        test = (
            ordered_batches(held_out, data.labels, spec.size, BATCH_SIZE, job.cache, spec.resize)
            if held_out
            else None
        )
    training = Training(network, job.recipe, data.labels, spec, batches, validation, accelerator)
    if accelerator.is_main_process and job.overwrite:  # only now, when nothing stops the training any more
        (job.out / export.CARD_NAME).unlink(missing_ok=True)
        checkpoint.remove(job.out)
    accelerator.wait_for_everyone()
    log = TrainingLog(job.out, data.labels) if accelerator.is_main_process else None
    fitted = training.run(job.out, checkpoint.plan(job.recipe, [*data.labelled, *data.outliers]), log)
    if log is None:
        return None
    log.close()
    card = _save(job, data, network, spec, fitted, test, made_with)
    if job.statistics is not None and pooled_channels(network) is None:
        accelerator.print(f"{job.recipe.architecture} has no single last layer, and so no statistics")
    elif job.statistics is not None:
        # The stored weights are rounded: statistics must fit what will be served.
        card, network = load_network(job.out)
        embedded = embed_scans(card, network, data.scans, cache=job.cache)
        card = make_statistics(job.out, card, embedded, job.statistics)
    checkpoint.remove(job.out)
    return card


def _save(
    job: Job,
    data: _Data,
    network: nn.Module,
    spec: InputSpec,
    fitted: Fit,
    test: DataLoader[Example] | None,
    made_with: Mapping[str, Any],
) -> ModelCard:
    """Fit the temperature, measure the model on validation and `test`, and write weights and card; returns the card."""
    temperature = fit_temperature(fitted.validation)
    metrics = {"validation": without_none(compute_metrics(fitted.validation, data.labels, temperature))}
    if test is not None:
        outputs = predict_batches(network, spec, test)
        metrics["test"] = without_none(compute_metrics(outputs, data.labels, temperature))
    return export.save_model(
        job.out,
        network,
        name=job.name,
        version=job.version,
        architecture=job.recipe.architecture,
        labels=data.labels,
        spec=spec,
        temperature=temperature,
        scans=data.labelled,
        outliers=data.outliers,
        metrics=metrics,
        limits=(*BASE_LIMITS, *data.leaks),
        made_with={**made_with, "best_epoch": fitted.best.number},
    )


def _read_data(job: Job, warn: Callable[[str], None]) -> _Data:
    """Read and divide the scans; raises DataError when labels, outliers, groups or the split don't allow a training."""
    # These are needed after the training, and would be refused only then.
    learning = learnt_from(job.data)
    if job.statistics is not None:
        read_groups(job.statistics.groups, job.labels)
    read = with_hashes_of_files(_read_scans(job))
    scans = split_scans(read, job.recipe.validation_share, job.recipe.seed, job.outliers)
    refuse_held_out_of(scans, job.data)
    return _Data(
        scans=scans,
        outliers=of_split([scan for scan in scans if scan.label in job.outliers], "train"),
        labels=sorted({scan.label for scan in scans} - set(job.outliers)),
        leaks=_check_leaks(job, scans, warn),
        learning=learning,
    )


def _summary(job: Job, data: _Data, accelerator: Accelerator) -> str:
    """The line that a training begins with: network, labels, counts of scans, hardware."""
    outliers = f", {len(data.outliers)} outliers" if data.outliers else ""
    return (
        f"{job.recipe.architecture}: {len(data.labels)} labels ({', '.join(data.labels)}), "
        f"{len(data.of_split('train'))} scans to train, {len(data.of_split('val'))} to validate{outliers}; "
        f"{_describe_hardware(accelerator)}"
    )


def _read_scans(job: Job) -> list[Scan]:
    """The scans of the labels and of the outliers; raises DataError when the two don't go together."""
    both = sorted(set(job.labels) & set(job.outliers))
    if both:
        raise DataError(f"{both[0]} stands under --labels and --outliers; it can only be one of them")
    scans = read_all(job.data, [*job.labels, *job.outliers] if job.labels else [])
    labels = {scan.label for scan in scans}
    absent = sorted(set(job.outliers) - labels)
    if absent:
        raise DataError(f"--outliers names {absent[0]}, and the data have no scan with that label")
    if len(labels - set(job.outliers)) < 2:
        raise DataError("without the outliers fewer than two labels are left; there is nothing to tell apart")
    return scans


def _refuse_to_replace(job: Job) -> None:
    """Make the folder to write to; raises DataError when it holds a model or a training that must not be lost."""
    job.out.mkdir(parents=True, exist_ok=True)
    if job.overwrite:
        return
    # The checkpoint goes last: beside it, a card is of a training that ended before its statistics were made.
    interrupted = (job.out / checkpoint.CHECKPOINT_NAME).exists()
    if interrupted and not job.resume:
        raise DataError(
            f"{job.out} holds a training that was interrupted; go on with --resume, or start again with --overwrite"
        )
    if (job.out / export.CARD_NAME).exists() and not interrupted:
        raise DataError(f"{job.out} holds a model already; choose another --out or add --overwrite")


def _check_leaks(job: Job, scans: Sequence[Scan], warn: Callable[[str], None]) -> list[str]:
    """What is on two sides of the split, as sentences for the card; warnings name patients and scans.

    Raises DataError for a patient or an identical scan, unless the job allows leaks.
    """
    report = find_leaks(scans)
    if not job.allow_leaks:
        refuse_leaks(report, job.data)
    for line in (*report.refusals(), *report.remarks()):
        warn(f"warning: {line}")
    counts = {
        "patient(s)": len(report.patients),
        "identical scan(s)": len(report.identical),
        "pair(s) of nearly identical scans": len(report.near),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"The split leaks: {', '.join(told)} are on two sides; the metrics are too good."] if told else []


def _describe_hardware(accelerator: Accelerator) -> str:
    """The device, the precision and the count of processes, in words."""
    count = accelerator.num_processes
    several = f", {count} processes" if count > 1 else ""
    precision = "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision
    return f"{accelerator.device.type}, {precision}{several}"


def _made_with(job: Job, data: _Data) -> dict[str, Any]:
    """What the card says of the making, but for the best epoch.

    Raises CardError when the card beside the weights that the training starts from is damaged.
    """
    recipe = without_folders(dataclasses.asdict(job.recipe))
    started: dict[str, Any] = {}
    if job.recipe.pretrained_file:
        started["pretrained_file"] = export.describe_weights(Path(job.recipe.pretrained_file))
    if job.recipe.teachers:
        first, *others = [
            export.describe_weights(folder / export.WEIGHTS_NAME) for folder in job.recipe.teachers
        ]
        started["teacher"] = [first, *others] if others else first
    return {
        **({"learning": data.learning} if data.learning else {}),
        "command": job.command,
        "recipe": recipe,
        **export.environment(),
        **started,
    }
