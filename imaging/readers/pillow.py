"""What the readers of formats that Pillow decodes have in common: memory known before, errors in words after."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

from PIL import Image

from imaging.errors import ImageError, ImageTooLarge, TruncatedImage, UnsupportedImage
from imaging.pixels import MAX_PIXELS, Deep, Ends, Rgb, check_memory, check_size
from imaging.reading import Examined, Format
from imaging.rgb import SIXTEEN_BIT_GREY, ends_of, upright_rgb, upright_values

# Pillow refuses twice this many by itself: a net below our own check, for images inside DICOM files too.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
KEPT_BYTES = {"1": 1, "L": 1, "P": 1, **dict.fromkeys(SIXTEEN_BIT_GREY, 2)}
"""Bytes a pixel that Pillow keeps, by its modes; of all others 4."""


def read(image: Image.Image, content: bytes, known: Format, ends: Ends | None = None) -> Rgb:
    """The pixels of an opened file. Raises TruncatedImage, UnsupportedImage or ImageError."""
    load(image, content, known)
    return upright_rgb(image, content, ends)


def _ends(image: Image.Image, content: bytes, known: Format) -> Ends | None:
    load(image, content, known)
    return ends_of(image)


def _deep(image: Image.Image, content: bytes, known: Format, ends: Ends | None) -> Deep | None:
    load(image, content, known)
    return upright_values(image, content, ends)


def examine(
    content: bytes,
    known: Format,
    extra_bytes: Callable[[Image.Image], float] = lambda image: 0.0,
    read: Callable[..., Rgb] = read,
) -> Examined:
    """What decoding a file takes that Pillow reads right as it is.

    `extra_bytes` are those a pixel that its decoder keeps on the way, beside what Pillow keeps of the picture; `read`
    makes pixels of the opened image. Raises ImageTooLarge, ImageTooSmall, UnsupportedImage or TruncatedImage.
    """
    image = opened(content, known)
    width, height = image.size
    check_size(width, height)
    made = 1 if image.mode == "L" or image.mode in SIXTEEN_BIT_GREY else 3
    kept = kept_bytes(image)
    needed = int(max(kept + extra_bytes(image), kept + made, 2 * made) * width * height)
    check_memory(needed, known.name)
    # What came is kept by whoever sent it here, beside what is left of it.
    needed += 2 * len(content)
    of_image = (image, content, known)
    return Examined(
        known.media_type,
        width,
        height,
        needed,
        False,
        partial(read, *of_image),
        content,
        _ends=partial(_ends, *of_image),
        _deep=partial(_deep, *of_image),
    )


def kept_bytes(image: Image.Image) -> int:
    """Bytes a pixel of what Pillow keeps of a picture."""
    return KEPT_BYTES.get(image.mode, 4)


def opened(content: bytes, known: Format) -> Image.Image:
    """A file with its header read. Raises ImageTooLarge, UnsupportedImage or TruncatedImage."""
    try:
        # Pillow names all its formats in capitals, without spaces.
        return Image.open(io.BytesIO(content), formats=[known.name.upper().replace(" ", "")])
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"The {known.name} image is too large to be read.") from error
    except Exception as error:  # Pillow's plugins raise all kinds on headers that make no sense.
        if known.is_complete(content):
            raise UnsupportedImage(
                f"The {known.name} file is damaged or of a kind that is not read."
            ) from error
        raise TruncatedImage(f"The {known.name} file ends too early.") from error


def load(image: Image.Image, content: bytes, known: Format) -> None:
    """Decode an opened file. Raises ImageError for a damaged one, TruncatedImage for one that is not all there."""
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise all kinds on damaged data.
        if known.is_complete(content) and "truncated" not in str(error):
            raise ImageError(f"The {known.name} file is damaged.") from error
        raise TruncatedImage(f"The {known.name} file ends too early or is damaged.") from error
