"""The curves of a run's epochs as drawings: points for polylines, in the coordinates of an SVG. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 160
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 24
"""Margins, for the axes' numbers."""
CHARTS = (
    ("Loss", {"training_loss": "training", "validation_loss": "validation"}),
    ("On validation scans", {"validation_macro_f1": "macro F1", "validation_accuracy": "accuracy"}),
)


@dataclass(frozen=True)
class Line:
    """One curve. `points` is the text of an SVG polyline; `last` the newest value, as it is shown."""

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]
    last: str


@dataclass(frozen=True)
class Chart:
    """A drawing of some curves with its axes: `ticks` are heights with their numbers, `epochs` places with theirs."""

    title: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    epochs: tuple[tuple[float, int], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def charts(epochs: Sequence[Mapping[str, float]]) -> list[Chart]:
    """The charts of the epochs so far; none before the first."""
    return [_chart(title, names, epochs) for title, names in CHARTS] if epochs else []


def _chart(title: str, names: Mapping[str, str], epochs: Sequence[Mapping[str, float]]) -> Chart:
    values = [epoch[name] for name in names for epoch in epochs if name in epoch]
    low, high = min(values), max(values)
    if high - low < 1e-6:
        low, high = low - 0.05, high + 0.05
    numbers = [int(epoch["number"]) for epoch in epochs]
    first, last = numbers[0], max(numbers[-1], numbers[0] + 1)

    def across(number: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (number - first) / (last - first), 1)

    def down(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    lines = []
    for name, words in names.items():
        dots = tuple(
            (across(number), down(epoch[name])) for number, epoch in zip(numbers, epochs, strict=True)
        )
        points = " ".join(f"{x},{y}" for x, y in dots)
        lines.append(Line(words, points, dots, f"{epochs[-1][name]:.3f}"))
    middle = (low + high) / 2
    return Chart(
        title,
        tuple(lines),
        tuple((down(value), f"{value:.2f}") for value in (high, middle, low)),
        tuple((across(number), number) for number in _some(numbers)),
    )


def _some(numbers: Sequence[int], most: int = 6) -> Sequence[int]:
    """At most so many of the numbers, the first and the last among them."""
    if len(numbers) <= most:
        return numbers
    step = (len(numbers) - 1) / (most - 1)
    return [numbers[round(index * step)] for index in range(most)]
