"""What can be wrong with a file. Each error is a sentence for people, with a code for programs and a status for HTTP."""

from __future__ import annotations


class CodedError(Exception):
    """An error that becomes an answer, with `code` for programs, `message` for people and an HTTP `status`."""

    code = "invalid_request"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ImageError(CodedError):
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


class Busy(CodedError):
    """There is no room at the moment; the same request may succeed later."""

    code = "busy"
    status = 503
    retry_after_s = 5
