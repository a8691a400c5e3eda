"""How often each scan is drawn: verified scans, and those that keep the network from forgetting, half and half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.batches import weights
from training.data.manifest import Scan
from training.recipe import Recipe

NEW_SHARE = 0.5
"""Share of verified scans among those drawn."""
MOST_REPEATS = 2.0
"""Each verified scan is drawn so often in an epoch, on average, at most: few of them would be learnt by heart."""
LEAST_PER_EPOCH = 64


def scans_per_epoch(new: int, recipe: Recipe) -> int:
    """How many scans an epoch draws, with `new` verified scans of the train split."""
    wanted = round(new * MOST_REPEATS / NEW_SHARE)
    return min(recipe.scans_per_epoch or wanted, max(wanted, LEAST_PER_EPOCH))


def shares(new: Sequence[Scan], kept: Sequence[Scan], recipe: Recipe) -> npt.NDArray[np.float64]:
    """The probability of each scan to be drawn: `new` scans first, then `kept` ones.

    Within each part labels are balanced as the recipe says. Of `kept` scans none need be there.
    """
    parts = [weights(part, recipe.balance, recipe.simulated_share) for part in (new, kept) if part]
    if not kept:
        return np.asarray(parts[0] / parts[0].sum())
    share = min(NEW_SHARE, MOST_REPEATS * len(new) / scans_per_epoch(len(new), recipe))
    return np.concatenate([parts[0] / parts[0].sum() * share, parts[1] / parts[1].sum() * (1 - share)])
