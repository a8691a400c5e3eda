"""The command `statistics`: fits the statistics by which a finished model says how far it can answer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.card_statistics import METHODS
from training.statistics.options import AUTO, NONE, SHARES, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.card import ModelCard
    from training.data.manifest import Scan

DEFAULTS = Options()


def add_statistics_options(parser: argparse.ArgumentParser, none: bool = False) -> None:
    """Declare how statistics are fitted; `none` adds a method that fits none."""
    group = parser.add_argument_group("statistics", "by which the model says how far it can answer")
    group.add_argument(
        "--method" if not none else "--statistics",
        dest="method",
        choices=(AUTO, *METHODS, *((NONE,) if none else ())),
        default=DEFAULTS.method,
        help="what makes a scan strange: its distance to Gaussians of the labels (mahalanobis), to its nearest "
        "neighbours, or both; auto takes the one that best recognises scans of a source that was left out"
        f"{'; none fits no statistics' if none else ''} (default: %(default)s)",
    )
    group.add_argument(
        "--known-share",
        type=float,
        default=DEFAULTS.known_share,
        metavar="SHARE",
        help="share of real validation scans that count as known (default: %(default)s)",
    )
    group.add_argument(
        "--coverage",
        type=float,
        default=DEFAULTS.coverage,
        metavar="SHARE",
        help="share of each label's validation scans whose prediction set contains it (default: %(default)s)",
    )
    group.add_argument(
        "--groups",
        type=Path,
        default=DEFAULTS.groups,
        metavar="FILE",
        help="TOML file of labels that make one answer where they can't be told apart "
        "(default: training/groups.toml)",
    )


def add_statistics_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `statistics`."""
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of weights and card; weights are kept",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="the scans that the model was trained with: those of the train split are what it knows, those of the val "
        "split are home; scans of other labels teach in train what strangers look like (30 or more), and are measured "
        "as strangers in val; test is not used",
    )
    parser.add_argument(
        "--elsewhere",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="scans of sources that the model never saw, by which the method is chosen and measured; nothing is fitted "
        "on them",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")
    parser.add_argument(
        "--reference",
        action="store_true",
        help="keep the statistics that are there, and add to the card what later scans are compared with to notice drift: "
        "confidence and pictures of the home scans",
    )
    add_statistics_options(parser)


def read_options(arguments: argparse.Namespace) -> Options | None:
    """How statistics are fitted by these options, None if they are not. Raises DataError for a share out of range."""
    from training.data.manifest import DataError

    for name in ("known_share", "coverage"):
        value = getattr(arguments, name)
        least, most = SHARES
        if not least <= value <= most:
            raise DataError(f"--{name.replace('_', '-')} must be from {least:g} to {most:g}, not {value:g}")
    if arguments.method == NONE:
        return None
    return Options(arguments.method, arguments.known_share, arguments.coverage, arguments.groups)


def statistics(arguments: argparse.Namespace) -> int:
    """Fit the statistics, print what was measured, write statistics.safetensors and the card; returns 0.

    Raises DataError when an option or the data are wrong, CardError or NetworkError when the model can't be loaded.
    """
    from handlers.card import CARD_NAME
    from handlers.card_statistics import STATISTICS_NAME
    from handlers.network import load_network, pooled_channels
    from training.data.frozen import refuse_held_out_of
    from training.data.manifest import DataError
    from training.data.reading import read_all
    from training.groups import read_groups
    from training.statistics.making import add_reference, embed_scans, make_statistics

    options = read_options(arguments)
    assert options is not None
    card, network = load_network(arguments.model)
    if pooled_channels(network) is None:
        raise DataError(f"{card.architecture} has no single last layer, whose input statistics are fitted on")
    # Read first, so that a wrong file is reported before minutes of work.
    read_groups(options.groups, card.labels)
    scans = with_splits(card, read_all(arguments.data, least_labels=1))
    elsewhere = read_all(arguments.elsewhere, least_labels=1) if arguments.elsewhere else []
    refuse_held_out_of([*scans, *elsewhere], [*arguments.data, *arguments.elsewhere])
    for split in ("train", "val"):
        if not any(scan.split == split and scan.label in card.labels for scan in scans):
            raise DataError(
                f"the data have no scan in the {split} split with one of the labels {', '.join(card.labels)}"
            )
    warn_of_other_scans(card, scans)
    if arguments.reference:
        card = add_reference(arguments.model, card, network, scans, arguments.cache)
        assert card.statistics is not None
        counts = ", ".join(f"{name} {facts.patients}" for name, facts in card.statistics.reference.items())
        print(
            f"wrote {CARD_NAME} of {card.name} {card.version}: reference of patients at home, {counts or 'none'}"
        )
        return 0
    card = make_statistics(
        arguments.model, card, embed_scans(card, network, scans, elsewhere, arguments.cache), options
    )
    print_statistics(card)
    print(f"wrote {arguments.model / STATISTICS_NAME} and {CARD_NAME} of {card.name} {card.version}")
    return 0


def with_splits(card: ModelCard, scans: Sequence[Scan]) -> list[Scan]:
    """The scans with the splits of their manifest, or with those that the model's training drew.

    It drew them where scans have no split, or none of them is in val. It divided the scans of its labels and outliers
    together. Other scans without a split are left out. Raises DataError when a label is on one side only.
    """
    from training.data.split import split_scans, to_divide

    outliers = list(card.data.get("outliers", {}))
    trained = [scan for scan in scans if scan.label in card.labels or scan.label in outliers]
    if all(scan.split for scan in scans) and not to_divide(trained):
        return list(scans)
    recipe = card.made_with.get("recipe", {})
    others = [scan for scan in scans if scan.split and scan.label not in {*card.labels, *outliers}]
    drawn = split_scans(trained, recipe.get("validation_share", 0.15), recipe.get("seed", 0), outliers)
    return [*drawn, *others]


def warn_of_other_scans(card: ModelCard, scans: Sequence[Scan]) -> None:
    """Print a warning when the card counts other scans in a split than these."""
    from training.export import describe_data

    counted = describe_data([scan for scan in scans if scan.label in card.labels])["counts"]
    for split in ("train", "val"):
        if counted.get(split) != card.data.get("counts", {}).get(split):
            print(
                f"warning: the card counts other scans in the {split} split than these data have; familiarity is right "
                "only with the scans that the model was trained with"
            )
            return


def print_statistics(card: ModelCard) -> None:
    """Print what was fitted and measured."""
    facts = card.statistics
    assert facts is not None
    measured: dict[str, dict[str, float]] = facts.figures["roc_auc"]
    names = list(dict.fromkeys(name for row in measured.values() for name in row))
    if names:
        print("ROC-AUC of strangeness, home against")
        wide = max(len(name) for name in names) + 2
        print(f"{'':<{wide}}" + "".join(f"{method:>13}" for method in measured))
        for name in names:
            cells = "".join(
                f"{format(row[name], '.3f') if name in row else '-':>13}" for row in measured.values()
            )
            print(f"{name:<{wide}}{cells}")
    home = facts.figures["home"]
    kind = "real" if home["real"] else "simulated"
    print(
        f"{facts.method}: known from a familiarity of {facts.known_from:g}, by {home['scans']} {kind} home scans"
    )
    for name, row in facts.figures["strangers"].items():
        right = (
            f", of the answered {row['accuracy_by_groups']:.3f} right" if "accuracy_by_groups" in row else ""
        )
        print(
            f"{name}: of {row['scans']} scans {row['known']:.2f} known, {row['answered']:.2f} answered{right}"
        )
    print(f"{'label':<12}{'least':>10}{'scans':>8}")
    for label in card.labels:
        used = facts.calibrated_on[label]
        print(f"{label:<12}{facts.sets.least[label]:>10.4f}{used.scans:>8}{_note(used.real, facts, label)}")
    for group, labels in card.groups.items():
        print(f"group: {group} ({', '.join(labels)})")


def _note(real: bool, facts: Any, label: str) -> str:
    if facts.sets.least[label] == 0:
        return "  too few scans: never ruled out"
    return "" if real else "  with simulated scans"


def changed_options(arguments: argparse.Namespace) -> list[str]:
    """The words of a command line that repeat these options of `train`, without those at their defaults."""
    words = []
    for flag, name in (
        ("--statistics", "method"),
        ("--known-share", "known_share"),
        ("--coverage", "coverage"),
    ):
        if getattr(arguments, name) != getattr(DEFAULTS, name):
            words += [flag, str(getattr(arguments, name))]
    if arguments.groups != DEFAULTS.groups:
        words += ["--groups", arguments.groups.name]
    return words
