"""Shared by the readers of formats that Pillow decodes: bounds on memory, and errors as sentences."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

from PIL import Image

from imaging.errors import ImageError, ImageTooLarge, TruncatedImage, UnsupportedImage
from imaging.pixels import MAX_PIXELS, Deep, Ends, Rgb, check_memory, check_size
from imaging.reading import Examined, Format
from imaging.rgb import SIXTEEN_BIT_GREY, ends_of, upright_rgb, upright_values

# Pillow itself refuses more than twice this many, in images inside DICOM files too. `check_size` refuses fewer.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
KEPT_BYTES = {"1": 1, "L": 1, "P": 1, **dict.fromkeys(SIXTEEN_BIT_GREY, 2)}
"""Bytes that Pillow keeps of each pixel, by mode; 4 in all other modes."""


def read(image: Image.Image, content: bytes, file_format: Format, ends: Ends | None = None) -> Rgb:
    """Decode an opened file. Raises TruncatedImage, UnsupportedImage or ImageError."""
    load(image, content, file_format)
    return upright_rgb(image, content, ends)


def _ends(image: Image.Image, content: bytes, file_format: Format) -> Ends | None:
    load(image, content, file_format)
    return ends_of(image)


def _deep(image: Image.Image, content: bytes, file_format: Format, ends: Ends | None) -> Deep | None:
    load(image, content, file_format)
    return upright_values(image, content, ends)


def examine(
    content: bytes,
    file_format: Format,
    extra_bytes: Callable[[Image.Image], float] = lambda image: 0.0,
    read: Callable[..., Rgb] = read,
) -> Examined:
    """Examine a file that Pillow reads correctly as it is.

    `extra_bytes` gives the bytes that the decoder keeps of each pixel while it works, beside Pillow's own copy. `read`
    makes pixels of the opened image. Raises ImageTooLarge, ImageTooSmall, UnsupportedImage or TruncatedImage.
    """
    image = opened(content, file_format)
    width, height = image.size
    check_size(width, height)
    made = 1 if image.mode == "L" or image.mode in SIXTEEN_BIT_GREY else 3
    kept = kept_bytes(image)
    needed = int(max(kept + extra_bytes(image), kept + made, 2 * made) * width * height)
    check_memory(needed, file_format.name)
    # The caller keeps the file as it was sent, beside the cleaned copy that is decoded.
    needed += 2 * len(content)
    of_image = (image, content, file_format)
    return Examined(
        file_format.media_type,
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
    """Bytes that Pillow keeps of each pixel of an image."""
    return KEPT_BYTES.get(image.mode, 4)


def opened(content: bytes, file_format: Format) -> Image.Image:
    """Read a file's header. Raises ImageTooLarge, UnsupportedImage or TruncatedImage."""
    try:
        # Pillow names all its formats in capitals, without spaces.
        return Image.open(io.BytesIO(content), formats=[file_format.name.upper().replace(" ", "")])
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"The {file_format.name} image is too large to be read.") from error
    except Exception as error:  # Pillow's plugins raise all kinds on headers that make no sense.
        if file_format.is_complete(content):
            raise UnsupportedImage(
                f"The {file_format.name} file is damaged or of a kind that is not read."
            ) from error
        raise TruncatedImage(f"The {file_format.name} file ends too early.") from error


def load(image: Image.Image, content: bytes, file_format: Format) -> None:
    """Decode an opened file in place. Raises ImageError for a damaged one, TruncatedImage for an incomplete one."""
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise all kinds on damaged data.
        if file_format.is_complete(content) and "truncated" not in str(error):
            raise ImageError(f"The {file_format.name} file is damaged.") from error
        raise TruncatedImage(f"The {file_format.name} file ends too early or is damaged.") from error
