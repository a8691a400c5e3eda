"""Makes the statistics of a finished model: fits and measures them, and writes them beside its weights."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors.numpy import save
from torch import nn

from handlers.answering import ANSWERED
from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import METHODS, STATISTICS_NAME, StatisticsFacts
from handlers.statistics import Statistics
from training.data.manifest import DataError, Scan, of_split
from training.data.sources import is_simulated
from training.evaluation.answers import predict_answers, sets, states
from training.evaluation.metrics import DIGITS, without_none
from training.export import replace_file
from training.groups import read_groups
from training.statistics import references
from training.statistics.features import Embedded, embed
from training.statistics.fitting import Tensors, fit_tensors, home_scans, outlier_scans, reference_scans
from training.statistics.home import reference_facts
from training.statistics.options import AUTO, Options
from training.statistics.sets import fit_sets
from training.statistics.strangers import RocAreas, best_method, leave_one_source_out, roc_areas

OTHER_LABELS = "other labels"


@dataclass(frozen=True)
class EmbeddedScans:
    """The scans that statistics are made from, each with its features and logits.

    - `reference` are the training's scans that represent what the model knows.
    - `validation` is the whole val split, `home` the part of it that represents home.
    - `simulated` are candidates for the references in words.
    - `outliers` teach what has none of the labels.
    - `strangers`, by their source or label, decide the method and nothing else.
    """

    reference: Embedded
    validation: Embedded
    home: Embedded
    simulated: Embedded | None = None
    outliers: Embedded | None = None
    strangers: Mapping[str, Embedded] = field(default_factory=dict)


def embed_scans(
    card: ModelCard,
    network: nn.Module,
    scans: Sequence[Scan],
    elsewhere: Sequence[Scan] = (),
    cache: Path | None = None,
) -> EmbeddedScans:
    """Run the network on the scans that are needed; the test split is not used.

    `scans` have splits. Scans with a label that the model doesn't know are outliers in train and strangers in val; all
    scans from `elsewhere` are strangers. Raises DataError with the name of a scan that can't be read.
    """

    def run(chosen: Sequence[Scan]) -> Embedded:
        return embed(network, card.input, chosen, cache)

    known = [scan for scan in scans if scan.label in card.labels]
    validation = run(of_split(known, "val"))
    home = {scan.path for scan in home_scans(known)}
    simulated = references.candidates(known)
    outliers = outlier_scans(scans, card.labels)
    other = [scan for scan in of_split(scans, "val") if scan.label not in card.labels]
    strangers = {OTHER_LABELS: other} | {
        source or "unnamed": [scan for scan in elsewhere if scan.source == source]
        for source in sorted({scan.source for scan in elsewhere})
    }
    return EmbeddedScans(
        reference=run(reference_scans(known)),
        validation=validation,
        home=validation.where(lambda scan: scan.path in home),
        simulated=run(simulated) if simulated else None,
        outliers=run(outliers) if outliers else None,
        strangers={name: run(chosen) for name, chosen in strangers.items() if chosen},
    )


def make_statistics(folder: Path, card: ModelCard, embedded: EmbeddedScans, options: Options) -> ModelCard:
    """Write the statistics into the model's folder, then the card with their hash; returns that card.

    Raises DataError when the file of groups can't be used.
    """
    groups = read_groups(options.groups, card.labels)
    measured = measure(embedded)
    method = best_method(measured) if options.method == AUTO else options.method
    tensors = fit_tensors(method, embedded.reference, embedded.home.features, embedded.outliers)
    nearest: tuple[str, ...] = ()
    if embedded.simulated is not None:
        chosen = references.choose(embedded.simulated)
        tensors, nearest = {**tensors, "nearest": chosen.vectors}, chosen.texts
    least, calibrated_on = fit_sets(embedded.validation, card.labels, card.temperature, options.coverage)
    content = save(dict(tensors))
    facts = StatisticsFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        method=method,
        known_from=known_from(options.known_share, len(embedded.home)),
        sets=least,
        calibrated_on=calibrated_on,
        nearest=nearest,
        outliers=dict(Counter(embedded.outliers.labels.tolist())) if embedded.outliers else {},
    )
    facts = replace(facts, reference=reference_facts(card, embedded.home, Statistics(facts, tensors)))
    card = replace(card, groups=groups, statistics=facts)
    card = replace(
        card, statistics=replace(facts, figures=measured_for_card(card, tensors, embedded, measured))
    )
    if (folder / STATISTICS_NAME).exists():
        # If the process is killed between the two files, the model must still be served: without statistics.
        replace(card, statistics=None).save(folder / CARD_NAME)
    replace_file(folder / STATISTICS_NAME, content)
    card.save(folder / CARD_NAME)
    return card


def add_reference(
    folder: Path, card: ModelCard, network: nn.Module, scans: Sequence[Scan], cache: Path | None = None
) -> ModelCard:
    """Write the card anew with the reference statistics of its home scans; all else stays. Returns that card.

    Raises DataError for a card without statistics, and with the name of a scan that can't be read; StatisticsError for a
    file that is not the one that the card names.
    """
    if card.statistics is None:
        raise DataError(
            f"{card.name} {card.version} has no statistics yet; leave out --reference to fit them"
        )
    home = embed(
        network, card.input, home_scans([scan for scan in scans if scan.label in card.labels]), cache
    )
    statistics = Statistics.load(folder, card)
    assert statistics is not None
    reference = reference_facts(card, home, statistics)
    card = replace(card, statistics=replace(card.statistics, reference=reference))
    card.save(folder / CARD_NAME)
    return card


def known_from(known_share: float, home_count: int) -> float:
    """The familiarity (0 to 1) from which a scan is known, so that at least `known_share` of the home scans are."""
    strangers_at_home = int((1 - known_share) * home_count + 1e-9)
    # The strangest of n home scans has a familiarity of 1/n, the next one 2/n.
    return round(min(1.0, (strangers_at_home + 0.5) / home_count), 6)


def measure(embedded: EmbeddedScans) -> RocAreas:
    """How well each method recognises strangers: scans of each source left out, of other labels, and from elsewhere."""
    left_out = leave_one_source_out(embedded.reference, embedded.home)
    others = roc_areas(embedded.reference, embedded.home, embedded.strangers)
    return {method: {**left_out[method], **others[method]} for method in METHODS}


def measured_for_card(
    card: ModelCard, tensors: Tensors, embedded: EmbeddedScans, measured: RocAreas
) -> dict[str, Any]:
    """The measurements for the card. Those of home are too good, as its scans decided the thresholds."""
    assert card.statistics is not None
    statistics = Statistics(card.statistics, tensors)
    answers = predict_answers(card, embedded.home, statistics)
    truth = embedded.home.labels.tolist()
    metrics = {
        "home": {
            "scans": len(embedded.home),
            "real": not any(is_simulated(scan) for scan in embedded.home.scans),
            "states": states(answers, truth, card),
            "sets": sets(answers, truth, card.labels),
        },
        "references": len(embedded.reference),
        "roc_auc": measured,
        "strangers": {
            name: _of_strangers(card, statistics, scans) for name, scans in embedded.strangers.items()
        },
    }
    return without_none(metrics)


def _of_strangers(card: ModelCard, statistics: Statistics, scans: Embedded) -> dict[str, Any]:
    """Shares of strangers that are known and that get each state, and of right answers if labels are known."""
    facts = card.statistics
    assert facts is not None
    answers, truth = predict_answers(card, scans, statistics), scans.labels.tolist()
    by_state = states(answers, truth, card)
    known = [one.familiarity is not None and one.familiarity >= facts.known_from for one in answers]
    return {
        "scans": len(scans),
        "known": round(sum(known) / len(known), DIGITS),
        **{state: row["share"] for state, row in by_state.items()},
        "accuracy_by_groups": by_state[ANSWERED]["accuracy_by_groups"]
        if set(truth) <= set(card.labels)
        else None,
    }
