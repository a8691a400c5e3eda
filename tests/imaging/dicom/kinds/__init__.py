"""Odd but legal DICOM files, each with the picture that it shows."""

from tests.imaging.dicom.kinds.colours import COLOURS
from tests.imaging.dicom.kinds.encodings import ENCODINGS
from tests.imaging.dicom.kinds.values import VALUES
from tests.imaging.dicom.kinds.windows import WINDOWS

KINDS = VALUES | WINDOWS | COLOURS | ENCODINGS
