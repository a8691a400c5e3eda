"""Serializers of requests about scans: details, an upload, a new prediction."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import exceptions, serializers, status

from imaging.formats import listed
from imaging.given import NUMBERS, Given
from imaging.pixels import MAX_SIDE
from webapp.api.fields import PatternField, TextField, WrittenCountField
from webapp.scans.details import DETAILS
from webapp.scans.profile_fields import FieldsField

MAX_VOLUMES = 100_000


class FileTooLarge(exceptions.APIException):
    """An upload above the limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def _number(most: int, help_text: str) -> WrittenCountField:
    return WrittenCountField(required=False, min_value=1, max_value=most, help_text=help_text)


class DetailsSerializer(serializers.Serializer[Any]):
    """The details of a scan that people enter."""

    def get_fields(self) -> dict[str, Any]:
        """A field for each detail."""
        return {detail.name: detail.given() for detail in DETAILS} | super().get_fields()

    fields = FieldsField(  # type: ignore[assignment]
        required=False,
        help_text='What the scan\'s modality has beside these, by name: see `options/`. "" takes it away.',
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check that a pixel has both a width and a height, or neither."""
        sizes = {name: attrs.get(name) for name in ("micrometres_x", "micrometres_y") if name in attrs}
        if sizes and (len(sizes) < 2 or len([size for size in sizes.values() if size is None]) == 1):
            missing = next(name for name in ("micrometres_x", "micrometres_y") if sizes.get(name) is None)
            raise serializers.ValidationError(
                {missing: ["Give the width and the height of a pixel, or neither."]}
            )
        return attrs


class FileSerializer(DetailsSerializer):
    """What is said with a file: the details of its scan, and what has to be known to read it."""

    modality = TextField(
        max_length=40,
        required=False,
        allow_blank=True,
        help_text="What kind of picture it is (`options/`). Without it the file or the picture itself has to show it.",
    )
    bscan_width = _number(MAX_SIDE, "Of a Zeiss .img: pixels of each B-scan across.")
    bscan_height = _number(MAX_SIDE, "Of a Zeiss .img: pixels of each B-scan in depth.")
    volume_number = _number(MAX_VOLUMES, "Of a file that holds several volumes: which one, from 1.")

    def get_fields(self) -> dict[str, Any]:
        """The details as a form writes them, and the other fields."""
        written = {detail.name: detail.written() for detail in DETAILS if detail.written}
        return super().get_fields() | written


def taken_given(entered: dict[str, Any]) -> Given:
    """What was said of the file, taken out of what was entered, of which the details of the scan are left."""
    return Given(**{name: entered.pop(name, None) for name in NUMBERS})


class UploadSerializer(FileSerializer):
    """The form fields of an upload."""

    image = serializers.FileField(
        max_length=255,
        help_text=f"{listed('or')}. Eye, patient and date of a DICOM file are kept as this "
        "installation is set to, where the form leaves them open; what else it says is dropped.",
    )

    def validate_image(self, file: Any) -> Any:
        """Refuse a file above the limit before it is read."""
        most = max(settings.MAX_UPLOAD_BYTES, settings.MAX_VOLUME_BYTES)
        if file.size > most:
            raise FileTooLarge(
                f"The file has {file.size / 2**20:.1f} MiB; up to {most / 2**20:.0f} MiB are accepted."
            )
        return file


class RepredictSerializer(serializers.Serializer[Any]):
    """Which version to ask, and for which label's heat map."""

    version = PatternField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        says="A version has letters, digits, points, hyphens and underscores, such as 2.1.0.",
        max_length=40,
        required=False,
        allow_blank=True,
    )
    label = PatternField(  # type: ignore[assignment]
        r"^[ -~]+$",  # it travels as a header: printable ASCII only
        says="A label has letters without accents, digits and signs that are in ASCII.",
        max_length=80,
        required=False,
        allow_blank=True,
    )
