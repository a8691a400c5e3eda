"""The model's home scans, by the reference statistics of its card."""

from __future__ import annotations

from handlers.card import ModelCard
from webapp.drift.comparing import Home
from webapp.drift.samples import CONFIDENCE


def home_of(card: ModelCard, weights_sha256: str, calibration: str) -> Home | None:
    """What scans with these answers are compared with; None where the card says nothing of them.

    A local calibration changes confidences, so that those of the card are no measure for them.
    """
    facts = card.statistics.reference if card.statistics else None
    if facts is None or card.weights_sha256 != weights_sha256:
        return None
    quantiles = {
        name: values for name, values in facts.quantiles.items() if not (calibration and name == CONFIDENCE)
    }
    return Home(facts.patients, quantiles)
