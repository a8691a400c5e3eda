"""The command `findings`: teaches a finished model a map of findings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.findings.measuring import KindMetrics

DEFAULT_STEPS = 2000
MOST_STEPS = 10**6
MOST_SEED = 2**31 - 1


def add_findings_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `findings`."""
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
        help="scans with masks by kind of sign, as `data simulate` and `data graft` draw them, and real scans with "
        "labels; the decoder learns from the train split, val decides which kinds are kept, test is not used",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=DEFAULT_STEPS,
        metavar="N",
        help="steps of 32 scans (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of what is drawn (default: %(default)s)"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")


def findings(arguments: argparse.Namespace) -> int:
    """Teach the decoder, print what was measured, write findings.safetensors and the card; returns 0.

    Raises DataError when an option or the data are wrong, CardError or NetworkError when the model can't be loaded.
    """
    from handlers.card import CARD_NAME
    from handlers.card_findings import FINDINGS_NAME
    from handlers.network import load_network
    from training.data.frozen import refuse_held_out_of
    from training.data.manifest import DataError
    from training.data.reading import read_all
    from training.findings.learning import Plan, refuse_without_stages
    from training.findings.making import make_findings

    for name, most, value in (
        ("--steps", MOST_STEPS, arguments.steps),
        ("--seed", MOST_SEED, arguments.seed),
    ):
        least = 1 if name == "--steps" else 0
        if not least <= value <= most:
            raise DataError(f"{name} must be from {least} to {most}, not {value}")
    card, network = load_network(arguments.model)
    refuse_without_stages(card.architecture, network)
    scans = read_all(arguments.data, least_labels=1)
    refuse_held_out_of(scans, arguments.data)
    plan = Plan(steps=arguments.steps, seed=arguments.seed)
    measured = make_findings(arguments.model, card, network, scans, plan, arguments.cache)
    print_measured(measured)
    print(f"wrote {arguments.model / FINDINGS_NAME} and {CARD_NAME} of {card.name} {card.version}")
    return 0


def print_measured(measured: dict[str, KindMetrics]) -> None:
    """Print the metrics of each kind on validation scans."""
    print(
        f"{'finding':<14}{'scans':>7}{'from':>7}{'pointing':>10}{'energy':>8}{'found':>7}{'dice':>7}"
        f"{'healthy':>9}"
    )
    for kind, row in measured.items():
        note = "" if row.holds else "  not good enough: left out"
        print(
            f"{kind:<14}{row.scans:>7}{row.threshold:>7.2f}{row.pointing:>10.3f}{row.energy:>8.3f}"
            f"{row.found:>7.3f}{row.dice:>7.3f}{row.false:>9.4f}{note}"
        )
