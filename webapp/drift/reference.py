"""The model's home scans, by the reference statistics of its card."""

from __future__ import annotations

from handlers.card import ModelCard
from webapp.drift.comparing import Home, Homes
from webapp.drift.samples import CONFIDENCE


def homes_of(card: ModelCard, weights_sha256: str, calibration: str) -> Homes:
    """What scans with these answers are compared with, by source; none where the card says nothing of them.

    A local calibration changes confidences, so that those of the card are no measure for them.
    """
    if card.statistics is None or card.weights_sha256 != weights_sha256:
        return ()
    left_out = {CONFIDENCE} if calibration else set()
    return tuple(
        Home(
            facts.patients, {name: values for name, values in facts.quantiles.items() if name not in left_out}
        )
        for facts in card.statistics.reference.values()
    )
