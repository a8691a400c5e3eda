"""One training, from labelled scans to a model folder."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from handlers.card import ModelCard
from handlers.network import load_network, pooled_channels
from training import checkpoint, export, networks
from training.batches import ordered_batches, training_batches
from training.data.leaks import find_leaks, refuse_leaks
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import read_all
from training.data.split import split_scans
from training.evaluation.calibration import fit_temperature
from training.evaluation.figures import figures, without_none
from training.logs import TrainingLog
from training.loop import Training, TrainingError, make_accelerator
from training.origin import with_hashes_of_files
from training.prediction import BATCH_SIZE, predict_batches
from training.recipe import Recipe
from training.statistics.making import gather, make
from training.statistics.options import Options

BASE_LIMITS = ("Research software: its answers are not a diagnosis.",)


@dataclass(frozen=True)
class Job:
    """What to train on, how, and where to write.

    `outliers` are labels of the data that are not learnt: their scans shall look like none of the others.
    `command` goes into the card; `statistics` None makes none.
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


def run(job: Job) -> ModelCard | None:
    """Train, write weights, card, epochs and reports to `job.out`; the card, or None in all but one process.

    Raises an error with a message for people when data, weights or the folder don't allow it.
    """
    accelerator = make_accelerator(job.recipe)
    if accelerator.is_main_process:
        _prepare(job)
    accelerator.wait_for_everyone()
    read = with_hashes_of_files(_read(job))
    every = split_scans(read, job.recipe.validation_share, job.recipe.seed, job.outliers)
    leaks = _leaks(job, every, accelerator.print)
    scans = [scan for scan in every if scan.label not in job.outliers]
    outliers = of_split([scan for scan in every if scan.label in job.outliers], "train")
    labels = sorted({scan.label for scan in scans})
    to_learn, to_validate = of_split(scans, "train"), of_split(scans, "val")
    processes = accelerator.num_processes
    if job.recipe.batch_size % processes:
        raise TrainingError(
            f"{processes} processes can't share a batch of {job.recipe.batch_size} evenly; choose a --batch-size "
            f"that {processes} divides"
        )
    set_seed(job.recipe.seed)
    network = networks.build(job.recipe, len(labels))
    networks.refuse_unservable(network, job.recipe)
    spec = networks.input_spec(network, job.recipe.size)
    accelerator.print(
        f"{job.recipe.architecture}: {len(labels)} labels ({', '.join(labels)}), "
        f"{len(to_learn)} scans to train, {len(to_validate)} to validate"
        f"{f', {len(outliers)} outliers' if outliers else ''}; {_where(accelerator)}"
    )
    with accelerator.main_process_first():  # which fills the cache for the others
        batches = training_batches([*to_learn, *outliers], labels, job.recipe, job.cache, processes)
        validation = ordered_batches(to_validate, labels, spec.size, job.recipe.batch_size, job.cache)
        # Read now, so that a scan that can't be read is found before the training and not after it.
        held_out = of_split(scans, "test")
        test = ordered_batches(held_out, labels, spec.size, BATCH_SIZE, job.cache) if held_out else None
    training = Training(network, job.recipe, labels, spec, batches, validation, accelerator)
    log = TrainingLog(job.out, labels) if accelerator.is_main_process else None
    fitted = training.run(job.out, checkpoint.plan(job.recipe, [*scans, *outliers]), log)
    if log is None:
        return None
    log.close()
    temperature = fit_temperature(fitted.validation)
    metrics = {"validation": without_none(figures(fitted.validation, labels, temperature))}
    if test is not None:
        outputs = predict_batches(network, spec, test)
        metrics["test"] = without_none(figures(outputs, labels, temperature))
    card = export.save_model(
        job.out,
        network,
        name=job.name,
        version=job.version,
        architecture=job.recipe.architecture,
        labels=labels,
        spec=spec,
        temperature=temperature,
        scans=scans,
        outliers=outliers,
        metrics=metrics,
        limits=(*BASE_LIMITS, *leaks),
        made_with=_made_with(job, fitted.best.number),
    )
    if job.statistics is not None and pooled_channels(network) is None:
        accelerator.print(
            f"{job.recipe.architecture} has no one last layer, and so no statistics of what it learnt"
        )
    elif job.statistics is not None:
        # By the weights as they are stored, which are rounded, and so by what will be served.
        card, network = load_network(job.out)
        card = make(job.out, card, gather(card, network, every, cache=job.cache), job.statistics)
    checkpoint.remove(job.out)
    return card


def _read(job: Job) -> list[Scan]:
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


def _prepare(job: Job) -> None:
    """The folder to write to; raises DataError when it holds what must not be lost."""
    job.out.mkdir(parents=True, exist_ok=True)
    card, unfinished = job.out / export.CARD_NAME, job.out / checkpoint.CHECKPOINT_NAME
    if job.overwrite:
        card.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)
    elif unfinished.exists() and not job.resume:
        raise DataError(
            f"{job.out} holds a training that was interrupted; go on with --resume, or start again with --overwrite"
        )
    elif card.exists():
        raise DataError(f"{job.out} holds a model already; choose another --out or add --overwrite")


def _leaks(job: Job, scans: Sequence[Scan], warn: Callable[[str], None]) -> list[str]:
    """What is on two sides of the split, as sentences for the card, and by name as warnings.

    Raises DataError when it forbids to train.
    """
    report = find_leaks(scans)
    if not job.allow_leaks:
        refuse_leaks(report)
    for line in (*report.refusals(), *report.remarks()):
        warn(f"warning: {line}")
    counts = {
        "patient(s)": len(report.patients),
        "identical scan(s)": len(report.identical),
        "pair(s) of nearly identical scans": len(report.near),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"The split leaks: {', '.join(told)} are on two sides; the metrics are too good."] if told else []


def _where(accelerator: Accelerator) -> str:
    """On what it runs, for people."""
    count = accelerator.num_processes
    several = f", {count} processes" if count > 1 else ""
    precision = "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision
    return f"{accelerator.device.type}, {precision}{several}"


def _made_with(job: Job, best_epoch: int) -> dict[str, Any]:
    recipe = dataclasses.asdict(job.recipe)
    # A card travels; the layout of a disk stays at home.
    started: dict[str, Any] = {}
    for key, file in (
        ("pretrained_file", Path(job.recipe.pretrained_file)),
        ("teacher", Path(job.recipe.teacher) / export.WEIGHTS_NAME),
    ):
        if recipe[key]:
            started[key] = _origin(file)
            recipe[key] = Path(recipe[key]).name
    return {
        "command": job.command,
        "recipe": recipe,
        "best_epoch": best_epoch,
        **export.environment(),
        **started,
    }


def _origin(weights: Path) -> dict[str, Any]:
    """Which weights these are, and how they were made if a card lies beside them."""
    origin: dict[str, Any] = {"weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    if (weights.parent / export.CARD_NAME).is_file():
        card = ModelCard.load(weights.parent / export.CARD_NAME)
        origin |= {"architecture": card.architecture, "made_with": card.made_with}
    return origin
