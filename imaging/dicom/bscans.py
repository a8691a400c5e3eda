"""The frames of a DICOM file as B-scans: each is decoded as the file of one frame that it would be alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.elements import PER_FRAME
from imaging.dicom.file import UNDEFINED_LENGTH
from imaging.dicom.frames import Frames, PixelElement
from imaging.dicom.layout import Layout
from imaging.dicom.picture import deep, ends_of, pixels
from imaging.errors import ImageError, TruncatedImage
from imaging.pixels import Deep, Ends, Rgb

LOOKED_AT, LOOKED_AT_COMPRESSED = 9, 3
"""Frames, evenly spread, by whose values all are shown alike; unpacking takes far longer than looking."""
NOT_SHARED = (Tag(PER_FRAME), Tag("NumberOfFrames"))


class DicomBscans:
    """Decodes frames in the order of the stack."""

    def __init__(
        self,
        one_frame: OneFrame,
        groups: Sequence[Any],
        layout: Layout,
        frames: Frames,
        order: Sequence[int | None],
    ) -> None:
        """`groups` are those of all frames, or none; `order` has the frame of each B-scan, None for a missing one."""
        self._one_frame = one_frame
        self._groups = groups
        self._layout = layout
        self._frames = frames
        self._order = order
        self._lock = threading.Lock()

    def picture(self, index: int) -> Rgb:
        return pixels(self._alone(self._order[index]), self._layout, self._common_ends)

    def deep(self, index: int) -> Deep | None:
        return deep(self._alone(self._order[index]), self._layout, self._common_ends)

    def enface(self) -> None:
        """A file of B-scans holds no en-face image; what it refers to is another file."""

    def close(self) -> None:
        """There is nothing to give back."""

    def _alone(self, frame: int | None) -> Any:
        if frame is None:
            raise TruncatedImage("The DICOM file lacks this frame.")
        return self._one_frame(self._groups[frame] if self._groups else None, self._frames.element_of(frame))

    @property
    def _common_ends(self) -> Ends:
        with self._lock:
            return self._ends

    @cached_property
    def _ends(self) -> Ends:
        """The least and the greatest word of frames here and there: what is black and white must be so in all of them."""
        layout = self._layout
        if layout.allocated <= 8 and not layout.is_signed:
            return np.array([0, (1 << layout.stored) - 1], np.uint8)
        there = [frame for frame in self._order if frame is not None and self._frames.pieces[frame]]
        most = LOOKED_AT_COMPRESSED if layout.is_compressed else LOOKED_AT
        found, failed = [], None
        for place in np.unique(np.linspace(0, len(there) - 1, min(most, len(there)) + 2)[1:-1].astype(int)):
            try:
                found.append(ends_of(self._alone(there[place]), layout))
            except ImageError as error:
                failed = error
        if not found:
            raise failed or ImageError("The DICOM file is damaged.")
        return np.array([min(ends[0] for ends in found), max(ends[1] for ends in found)], found[0].dtype)


class OneFrame:
    """Makes of a frame the file that it would be alone: what all frames share, its own group and its pixels."""

    def __init__(self, header: Any, element: PixelElement) -> None:
        self._elements = {tag: held for tag, held in header.items() if tag not in NOT_SHARED}
        self._encoding = header.original_encoding
        self._meta = header.file_meta
        self._tag = Tag(element.keyword)
        self._element = element

    def __call__(self, group: Any, content: bytes) -> Any:
        """The file as pydicom knows it; `content` are its pixels, which may be none when nobody looks at them."""
        alone = Dataset(dict(self._elements))
        alone.set_original_encoding(*self._encoding)
        alone.file_meta = self._meta
        if group is not None:
            alone[Tag(PER_FRAME)] = DataElement(Tag(PER_FRAME), "SQ", pydicom.Sequence([group]))
        length = UNDEFINED_LENGTH if self._element.is_encapsulated else len(content)
        alone[self._tag] = RawDataElement(self._tag, self._element.kind, length, content, 0, *self._encoding)
        return alone
