"""The part of a model card about int8: the ranges beside the weights, and how far answers in int8 lie from float32's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Any

from pydantic.dataclasses import dataclass

from handlers.checks import STRICT, Count, Line, Range, Sha256, Share

INT8_NAME = "int8.safetensors"
"""The ranges' file beside a model's weights."""
MOST_OTHER_LABELS, MOST_DIFFERENCE, MOST_POINTING_LOST, LEAST_CORRELATION = 0.005, 0.02, 0.01, 0.98
"""What int8 may change: the share of scans with another first label, the difference of a probability that 99 % of scans
stay below, what heat maps may lose in the pointing game, and their mean correlation with float32's."""


@dataclass(frozen=True, config=STRICT)
class Int8Checks:
    """How far a model's answers in int8 lie from those in float32.

    On `scans` scans: `other_labels` is the share with another most probable label, `difference` what the largest
    difference of a probability stays below for 99 % of them, `correlation` the mean correlation of their heat maps. The
    pointing game (share of heat maps whose maximum lies in the lesion) is played on `masked_scans`, in float32
    (`pointing`) and in int8.
    """

    scans: Annotated[int, Range(1, 10**9)]
    other_labels: Share
    difference: Share
    correlation: Annotated[float, Range(-1, 1)]
    masked_scans: Annotated[int, Range(1, 10**9)]
    pointing: Share
    pointing_int8: Share

    def misses(self) -> Iterator[str]:
        """A sentence for each limit that is not kept."""
        if self.other_labels > MOST_OTHER_LABELS:
            yield f"another first label for {self.other_labels:.2%} of scans ({MOST_OTHER_LABELS:.1%} are allowed)"
        if self.difference > MOST_DIFFERENCE:
            yield (
                f"probabilities that differ by {self.difference:.4f} ({MOST_DIFFERENCE:g} is allowed for 99 % of scans)"
            )
        if round(self.pointing - self.pointing_int8, 6) > MOST_POINTING_LOST:
            yield (
                f"a pointing game of {self.pointing_int8:.3f} instead of {self.pointing:.3f} (it may fall by "
                f"{MOST_POINTING_LOST:g})"
            )
        if self.correlation < LEAST_CORRELATION:
            yield f"heat maps with a correlation of {self.correlation:.4f} ({LEAST_CORRELATION:g} is needed)"


@dataclass(frozen=True, config=STRICT)
class Int8Facts:
    """The card's part about int8.safetensors, whose hash is `sha256`.

    It holds ranges for `blocks` blocks of the network. Those in `left_out` have none, as they changed the answers most,
    and run as in the compiled network. `figures` are further measurements, and what all of them rest on.
    """

    sha256: Sha256
    blocks: Count
    checks: Int8Checks
    left_out: tuple[Line, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
