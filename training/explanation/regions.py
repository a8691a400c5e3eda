"""Regions of a picture that a rule finds, for pictures without masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from training.explanation.lungs import lung_mask

Region = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]
"""Whether each pixel of a grey picture (height, width) lies in the region."""

REGIONS: dict[str, Region] = {"lungs": lung_mask}
"""The rules by name."""
