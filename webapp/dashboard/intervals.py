"""How far a share that was found on few scans can be trusted."""

from __future__ import annotations

from math import sqrt

LEAST_SCANS = 20
"""The fewest scans of which a share or a kappa is shown, with its interval; of fewer, only counts are.

The usual classes of kappa are 0.2 wide (Landis and Koch 1977, https://doi.org/10.2307/2529310). Readers who agree on
all of n scans have a 95 % interval of 0.79 wide at 1 scan, 0.43 at 5, 0.28 at 10 and 0.16 at 20: from about 16 on it
fits into a class at its narrowest, and at 20 there is some room for those who differ now and then.
"""
NORMAL_95 = 1.959964
"""The 97.5th percentile of the normal distribution: 95 % lie within so many standard deviations."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1, that was found in `count` independent cases, at least one.

    Wilson's score interval (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953): unlike the normal
    approximation, it stays within 0 and 1, and has a width where all cases, or none, agree. `share` may be a mean of
    values between 0 and 1, whose spread is never larger than that of as many cases that are 0 or 1.
    """
    squared = NORMAL_95**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = NORMAL_95 * sqrt(share * (1 - share) / count + squared / (4 * count**2)) / (1 + squared / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of(part: int, all: int, scans: int) -> dict[str, float] | None:
    """A share with its interval; None for fewer than LEAST_SCANS scans: several readings of one scan are one case."""
    if scans < LEAST_SCANS:
        return None
    low, high = wilson(part / all, scans)
    return {"value": part / all, "low": low, "high": high}
