"""Numbers for people, in reports, recommendations and the administration. The page has its own in `format.ts`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

NEARLY_NOTHING = 1e-6
"""The model server rounds probabilities to six digits."""
UNITS = {"micrometres": ("µm", 1), "millimetres": ("mm", 1000)}
"""In which people see lengths, by the words of a modality's profile: the sign, and how many µm it is."""
AREAS = {"square millimetres": ("mm", 1), "square centimetres": ("cm", 10)}
"""In which people see areas and volumes: the sign of the length, and how many mm it is."""


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


def length(value: float) -> str:
    """A length without its unit, to four significant digits: files give more than anybody measured."""
    return f"{Decimal(f'{value:.4g}').normalize():f}"


def length_in(micrometres: float, unit: str) -> str:
    """A length, given in µm, in one of the units of `UNITS`."""
    word, larger = UNITS[unit]
    return f"{length(micrometres / larger)} {word}"


def pixel_size(across: float, down: float, unit: str) -> str:
    """Width and height of a pixel, given in µm, in one of the units of `UNITS`."""
    word, larger = UNITS[unit]
    return f"{length(across / larger)} × {length(down / larger)} {word}"


def measured_length(micrometres: float, unit: str) -> str:
    """A length that somebody measured, given in µm, in one of the units of `UNITS`."""
    word, larger = UNITS[unit]
    return f"{micrometres / larger:.{1 if larger > 1 else 0}f} {word}"


def area(square_mm: float, unit: str) -> str:
    """An area, given in mm², in one of the units of `AREAS`."""
    word, larger = AREAS[unit]
    return f"{square_mm / larger**2:.3g} {word}²"


def volume(cubic_mm: float, unit: str) -> str:
    """A volume, given in mm³, in the cube of one of the units of `AREAS`."""
    word, larger = AREAS[unit]
    return f"{cubic_mm / larger**3:.3g} {word}³"
