"""What can be wrong with a file. Each error has a sentence for people, a code for programs and an HTTP status."""

from __future__ import annotations


class CodedError(Exception):
    """An error that is sent as an answer: `code` for programs, `message` for people, and an HTTP `status`."""

    code = "invalid_request"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ImageError(CodedError):
    """An image that can't be read or must not be."""

    code = "unreadable_image"


class EmptyImage(ImageError):
    """A request without any bytes of a file."""

    code = "empty_image"


class TruncatedImage(ImageError):
    """A file that ends before its picture does."""

    code = "truncated_image"


class UnsupportedImage(ImageError):
    """A file of a recognised kind that is not read."""

    code = "unsupported_image"
    status = 415


class ImageTooLarge(ImageError):
    """An image of too many pixels, or one that takes more memory to decode than one file gets."""

    code = "image_too_large"
    status = 413


class ImageTooSmall(ImageError):
    """An image of too few pixels to show anything."""

    code = "image_too_small"
    status = 422


class SeveralImages(ImageError):
    """A file of several pictures (pages, frames, slices), where only one is expected."""

    code = "several_images"
    status = 422

    @classmethod
    def in_file(cls, name: str) -> SeveralImages:
        """The error for a file of the format with that name."""
        return cls(f"The {name} file holds several images. Send each B-scan as a file of its own.")

    @classmethod
    def of_volume(cls, found: str) -> SeveralImages:
        """The error for a file that the web app reads as a volume; `found` is a sentence that says what it holds."""
        return cls(
            f"{found} The web app reads a volume that is sent as it is; here, send each B-scan as a file of its own."
        )


class ImageTooComplex(ImageError):
    """A file whose structure takes too much work for its picture: too many scans, strips or nested items."""

    code = "image_too_complex"
    status = 422


class DetailsNeeded(ImageError):
    """A file that can be read once its sender says what it doesn't: a size, or which of several volumes."""

    code = "details_needed"
    status = 422


class Busy(CodedError):
    """No time or memory is free now. The same request may succeed later."""

    code = "busy"
    status = 503
    retry_after_s = 5
