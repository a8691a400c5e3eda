"""What can be wrong with one request. Each becomes an answer of its own; its neighbours in the batch go on."""

from __future__ import annotations


class RequestError(Exception):
    """A request that can't be answered, with `code` for programs, `message` for people and an HTTP `status`."""

    code = "invalid_request"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ImageError(RequestError):
    """An image that can't be read or must not be."""

    code = "unreadable_image"


class EmptyImage(ImageError):
    code = "empty_image"


class TruncatedImage(ImageError):
    code = "truncated_image"


class UnsupportedImage(ImageError):
    code = "unsupported_image"
    status = 415


class ImageTooLarge(ImageError):
    code = "image_too_large"
    status = 413


class ImageTooSmall(ImageError):
    code = "image_too_small"
    status = 422


class SeveralImages(ImageError):
    """Pages of a TIFF, frames of an animation or of a DICOM volume: none of them stands for the others."""

    code = "several_images"
    status = 422

    @classmethod
    def in_file(cls, name: str) -> SeveralImages:
        """For a file of the format of that name."""
        return cls(f"The {name} file holds several images. Send each B-scan as a file of its own.")


class ImageTooComplex(ImageError):
    """A file whose decoding would take work out of proportion to its picture: scans, strips, nested items."""

    code = "image_too_complex"
    status = 422


class InvalidJson(RequestError):
    code = "invalid_json"


class InvalidOption(RequestError):
    """An option with a value that this model doesn't know."""

    code = "invalid_option"


class UnexpectedError(RequestError):
    """A fault of ours with one request."""

    code = "internal_error"
    status = 500


class Busy(RequestError):
    """There is no room at the moment; the same request may succeed later."""

    code = "busy"
    status = 503
    retry_after_s = 5
