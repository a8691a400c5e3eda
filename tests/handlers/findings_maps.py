"""Maps of findings that tests have made: of which kinds, and how they are opened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.images import from_base64

KINDS = ("fluid_within", "material")


def opened(map_: str) -> npt.NDArray[np.uint8]:
    """A map as it stands in an answer: the number of a kind at each position."""
    image = from_base64(map_)
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image)
