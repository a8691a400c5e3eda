"""From the decoder's probabilities for one scan to the map of findings and its regions."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from handlers.answer import FindingRegion, Findings
from handlers.card_findings import FindingsFacts
from imaging.png import encode_png

MOST_REGIONS = 20
SHARE_DIGITS, CONFIDENCE_DIGITS = 6, 4
TOUCHING = 8
"""Neighbours of a position, those at its corners included."""


def findings(
    probabilities: npt.NDArray[np.float32], facts: FindingsFacts, width: int, height: int
) -> Findings:
    """The findings in an image of `width` × `height` pixels: its largest regions, and the largest of each kind among them.

    `probabilities` are (1 + kinds, rows, columns), those of "none" first. A position belongs to the most probable kind
    if that reaches its threshold. Touching positions of one kind form a region; regions that are too small are left
    out of the map, too.
    """
    of_kinds = probabilities[1:]
    leading = of_kinds.argmax(axis=0)
    probability = of_kinds.max(axis=0)
    least = np.array([facts.thresholds[kind] for kind in facts.kinds], np.float32)
    marks = np.where(probability >= least[leading], leading + 1, 0).astype(np.uint8)
    regions: list[FindingRegion] = []
    for number, kind in enumerate(facts.kinds, 1):
        here = (marks == number).astype(np.uint8)
        _, parts, stats, _ = cv2.connectedComponentsWithStats(here, connectivity=TOUCHING)
        large = stats[:, cv2.CC_STAT_AREA] >= facts.least_share * marks.size
        large[0] = False  # the positions of no or another kind
        marks[(here == 1) & ~large[parts]] = 0
        sums = np.bincount(parts.ravel(), weights=probability.ravel(), minlength=len(stats))
        for part in np.flatnonzero(large):
            area = int(stats[part, cv2.CC_STAT_AREA])
            regions.append(
                FindingRegion(
                    finding=kind,
                    box=_in_pixels(stats[part], marks.shape, width, height),
                    share=round(area / marks.size, SHARE_DIGITS),
                    confidence=round(float(sums[part]) / area, CONFIDENCE_DIGITS),
                )
            )
    regions.sort(key=lambda region: region["share"], reverse=True)
    return Findings(
        kinds=list(facts.kinds),
        map=base64.b64encode(encode_png(marks)).decode(),
        regions=_told(regions),
    )


def _told(regions: Sequence[FindingRegion]) -> list[FindingRegion]:
    """Of regions, largest first, as many as an answer has: each kind's largest, as any may contradict the label."""
    largest = {region["finding"]: at for at, region in reversed(list(enumerate(regions)))}
    in_turn = sorted(range(len(regions)), key=lambda at: at != largest[regions[at]["finding"]])
    return [regions[at] for at in sorted(in_turn[:MOST_REGIONS])]


def _in_pixels(stats: npt.NDArray[np.int32], shape: tuple[int, ...], width: int, height: int) -> list[int]:
    """[x, y, width, height] of the pixels that a region's positions cover; each side is at least one pixel."""
    rows, columns = shape
    left, top, across, down = (int(value) for value in stats[:4])
    x, y = left * width // columns, top * height // rows
    right, bottom = -(-(left + across) * width // columns), -(-(top + down) * height // rows)
    return [x, y, right - x, bottom - y]
