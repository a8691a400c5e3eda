"""For which models the simulator draws scans to learn from and to be tested on: those that read OCT B-scans."""

from __future__ import annotations

import modalities
from handlers.card import ModelCard
from training.simulator.labels import LABELS, OCT


def labels_to_draw(card: ModelCard) -> tuple[str, ...]:
    """The labels of a model of which simulated scans are drawn, in its order; none for one of other pictures than OCT.

    Equal names don't mean equal pictures: NORMAL is a label of chest X-rays, too. Simulated ones of these are too simple
    to learn from. A model of no modality reads what the first modality's does. Raises ProfileError.
    """
    found = modalities.of_model(card.name) or modalities.default()
    if (card.modality or found.name) != OCT:
        return ()
    return tuple(label for label in card.labels if label in LABELS)
