"""Numbers as people read them: in reports, recommendations and the administration. The page's own are in `format.ts`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

# The model server rounds to six digits.
NEARLY_NOTHING = 1e-6


def percent(share: float, decimals: int = 0) -> str:
    """0 to 1 as a percentage. What is nearly all, or nearly nothing, never reads as all or nothing: ">99%", "<1%"."""
    step = Decimal(1).scaleb(-decimals)
    exact = Decimal(repr(share)) * 100
    rounded = exact.quantize(step, ROUND_HALF_UP)
    if exact < 100 <= rounded:
        return f">{100 - step}%"
    if rounded <= 0 < exact:
        return f"<{step}%"
    return f"{rounded}%"


def probability(value: float, decimals: int = 0) -> str:
    """A model's probability as a percentage. One that was rounded to 0 or 1 is still neither."""
    return percent(min(max(value, NEARLY_NOTHING), 1 - NEARLY_NOTHING), decimals)


def micrometres(length: float) -> str:
    """A length, without its unit, to four digits: files give more, and computing adds some that nobody measured."""
    return f"{Decimal(f'{length:.4g}').normalize():f}"
