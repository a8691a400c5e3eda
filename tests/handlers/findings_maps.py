"""Maps of findings that tests have made: of which kinds, and how they are opened."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

KINDS = ("fluid_within", "material")


def opened(map_: str) -> npt.NDArray[np.uint8]:
    """A map as it stands in an answer: the number of a kind at each position."""
    image = Image.open(io.BytesIO(base64.b64decode(map_)))
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image)
