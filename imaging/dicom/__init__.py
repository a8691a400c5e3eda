"""DICOM files: their elements, and their one picture as a viewer shows it first."""

from imaging.dicom.elements import first, numbers, sequence, values
from imaging.dicom.file import header
from imaging.dicom.layout import Layout, layout
from imaging.dicom.picture import deep, ends_of, pixels

__all__ = [
    "Layout",
    "deep",
    "ends_of",
    "first",
    "header",
    "layout",
    "numbers",
    "pixels",
    "sequence",
    "values",
]
