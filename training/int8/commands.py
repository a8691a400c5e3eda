"""The command `int8`: measures the ranges by which a finished model can be served in int8, and checks its answers."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.card import ModelCard
    from handlers.card_int8 import Int8Facts
    from training.data.manifest import Scan
    from training.int8.making import Int8Scans

PER_LABEL, MASKED_PER_LABEL = 16, 50
MOST_PER_LABEL = 10_000
MOST_SEED = 2**31 - 1
MISSED = 1


def add_int8_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `int8`."""
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
        help="scans that the model was trained with, and some with masks (as `data simulate` draws them) for the pointing "
        "game. Ranges are measured on scans of the train split, or of none; all real scans but those of the test split "
        "are checked",
    )
    parser.add_argument(
        "--per-label",
        type=int,
        default=PER_LABEL,
        metavar="N",
        help="real scans, and simulated ones, of each label to measure ranges on (default: %(default)s)",
    )
    parser.add_argument(
        "--masked",
        type=int,
        default=MASKED_PER_LABEL,
        metavar="N",
        help="scans with masks of each label (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the choice of scans (default: %(default)s)"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")


def int8(arguments: argparse.Namespace) -> int:
    """Measure and check, print the figures, write int8.safetensors and the card; returns 0.

    Returns 1, and writes nothing, if int8 would change the answers too much. Raises DataError when an option, the data
    or the processor is wrong, CardError or NetworkError when the model can't be loaded.
    """
    from handlers.card import CARD_NAME
    from handlers.card_int8 import INT8_NAME
    from handlers.engines.int8 import has_instructions
    from handlers.network import load_network
    from training.data.manifest import DataError
    from training.data.reading import read_all
    from training.int8.making import Int8Making, refuse_unsuitable

    for name, least, most in (
        ("per_label", 1, MOST_PER_LABEL),
        ("masked", 1, MOST_PER_LABEL),
        ("seed", 0, MOST_SEED),
    ):
        if not least <= getattr(arguments, name) <= most:
            raise DataError(
                f"--{name.replace('_', '-')} must be from {least} to {most}, not {getattr(arguments, name)}"
            )
    if not has_instructions():
        raise DataError(
            "this processor has no instructions for int8 (AVX-512 VNNI or AMX), without which its answers can't be checked"
        )
    card, network = load_network(arguments.model)
    refuse_unsuitable(card, network)
    scans = read_all(arguments.data, least_labels=1)
    chosen = choose_scans(card, scans, arguments.per_label, arguments.masked, arguments.seed, arguments.cache)
    making = Int8Making(arguments.model, card, chosen)
    facts = making.make()
    print_facts(facts)
    missed = list(facts.checks.misses())
    if missed:
        print(
            f"int8 changes the answers of {card.name} {card.version} too much, so nothing is written: {'; '.join(missed)}"
        )
        return MISSED
    making.write(facts)
    print(f"wrote {arguments.model / INT8_NAME} and {CARD_NAME} of {card.name} {card.version}")
    return 0


def choose_scans(
    card: ModelCard,
    scans: Sequence[Scan],
    per_label: int,
    masked_per_label: int,
    seed: int,
    cache: Path | None,
    most_checked: int | None = None,
) -> Int8Scans:
    """The scans to measure ranges on, to check, and to play the pointing game with; none of the test split.

    Without real scans, simulated ones are checked; of more than `most_checked`, so many that are drawn. Raises DataError
    if there are none to measure ranges on, or none with masks.
    """
    import numpy as np

    from handlers.user_cache import user_cache
    from training.cache import cached_pixels
    from training.data.manifest import DataError
    from training.data.sources import is_simulated
    from training.explanation.measuring import choose, read_masked
    from training.int8.making import Int8Scans
    from training.int8.measuring import Scanned

    usable = [scan for scan in scans if scan.split != "test"]
    kinds: dict[tuple[str, bool], list[Scan]] = defaultdict(list)
    for scan in usable:
        if scan.split in ("train", "") and scan.label in card.labels:
            kinds[scan.label, is_simulated(scan)].append(scan)
    if not kinds:
        raise DataError(
            f"the data have no scan in the train split with one of the labels {', '.join(card.labels)}, on which ranges "
            "could be measured"
        )
    rng = np.random.default_rng(seed)
    calibration = [
        those[number]
        for _, those in sorted(kinds.items())
        for number in rng.permutation(len(those))[:per_label]
    ]
    checked = [scan for scan in usable if not is_simulated(scan)] or usable
    if most_checked is not None and len(checked) > most_checked:
        checked = [checked[number] for number in sorted(rng.permutation(len(checked))[:most_checked])]
    masked = read_masked(card, choose(usable, card.labels, masked_per_label, seed))

    def scanned(those: Sequence[Scan], labels: Sequence[int] | None = None) -> Scanned:
        return Scanned(
            those, cached_pixels(those, card.input.size, cache or user_cache(), card.input.resize), labels
        )

    return Int8Scans(
        scanned(calibration), scanned(checked), scanned(masked.scans, masked.labels), masked.masks
    )


def print_facts(facts: Int8Facts) -> None:
    """Print what was measured."""
    measured = facts.checks
    whole = facts.blocks + len(facts.left_out)
    print(f"int8 in {facts.blocks} of {whole} blocks, checked on {measured.scans} scans beside float32")
    for name in facts.left_out:
        print(f"  left out, as it changes the answers: {name}")
    rows = {
        "another first label": f"{measured.other_labels:.3%}",
        "difference of probabilities, 99 % below": f"{measured.difference:.4f}",
        "the largest": f"{facts.figures['largest_difference']:.4f}",
        "correlation of heat maps": f"{measured.correlation:.4f}",
        "the least": f"{facts.figures['least_correlation']:.4f}",
        f"pointing game, {measured.masked_scans} scans": f"{measured.pointing_int8:.3f} (float32: {measured.pointing:.3f})",
    }
    for name, what in (
        ("other_states", "another state"),
        ("other_sets", "another prediction set"),
        ("positions_of_another_finding", "positions with another finding"),
    ):
        if name in facts.figures:
            rows[what] = f"{facts.figures[name]:.3%}"
    if "familiarity_difference" in facts.figures:
        rows["difference of familiarity, 99 % below"] = f"{facts.figures['familiarity_difference']:.4f}"
    for what, value in rows.items():
        print(f"  {what:<42}{value}")
