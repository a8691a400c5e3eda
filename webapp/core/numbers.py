"""Numbers for people, in reports, recommendations and the administration. The page has its own in `format.ts`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

# The model server rounds probabilities to six digits.
NEARLY_NOTHING = 1e-6


def percent(share: float, decimals: int = 0) -> str:
    """A share, 0 to 1, as a percentage. Only 1 is "100%" and only 0 is "0%"; else it is ">99%" or "<1%"."""
    step = Decimal(1).scaleb(-decimals)
    exact = Decimal(repr(share)) * 100
    rounded = exact.quantize(step, ROUND_HALF_UP)
    if exact < 100 <= rounded:
        return f">{100 - step}%"
    if rounded <= 0 < exact:
        return f"<{step}%"
    return f"{rounded}%"


def probability(value: float, decimals: int = 0) -> str:
    """A model's probability, 0 to 1, as a percentage. One that was rounded to 0 or 1 is never "0%" or "100%"."""
    return percent(min(max(value, NEARLY_NOTHING), 1 - NEARLY_NOTHING), decimals)


def micrometres(length: float) -> str:
    """A length in µm, without the unit, to four significant digits: files give more than anybody measured."""
    return f"{Decimal(f'{length:.4g}').normalize():f}"
