"""DICOM files: what their elements say, and their one picture as a viewer shows it first."""

from handlers.dicom.elements import first, numbers, sequence, values
from handlers.dicom.file import header
from handlers.dicom.layout import Layout, layout
from handlers.dicom.picture import pixels

__all__ = ["Layout", "first", "header", "layout", "numbers", "pixels", "sequence", "values"]
