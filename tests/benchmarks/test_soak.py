"""How much memory grows in `bench soak`, and what is sent meanwhile."""

from itertools import pairwise

import pytest

from benchmarks.load import Target
from benchmarks.soak import MemoryCurve, mixed


def curve(*points: tuple[float, float]) -> MemoryCurve:
    at, values = zip(*points, strict=True)
    return MemoryCurve(list(at), list(values), list(values))


def test_growth_is_from_two_minutes_to_the_end() -> None:
    found = curve(
        (0, 100), (100, 190), (120, 200), (140, 210), (600, 300), (1150, 205), (1170, 204), (1200, 203)
    )

    assert found.growth(found.uss_mib) == pytest.approx(204 / 200)


def test_one_peak_does_not_count() -> None:
    found = curve(*((second, 500.0 if second == 1170 else 100.0) for second in range(0, 1200, 3)))

    assert found.growth(found.rss_mib) == 1


def test_a_run_shorter_than_two_minutes_has_its_growth_too() -> None:
    found = curve(*((float(second), 100.0 + second) for second in range(0, 61, 3)))

    assert found.growth(found.uss_mib) > 1


@pytest.mark.parametrize("count", [4, 5, 16, 25])
def test_every_image_is_sent_with_and_without_explanation(count: int) -> None:
    images = [f"scan {number:03d}".encode() for number in range(count)]

    shots = mixed(Target("http://127.0.0.1:1/x"), images)

    good = [(shot.body, shot.expect) for shot in shots if shot.expect != "refused"]
    assert sorted(good) == sorted((image, expect) for image in images for expect in ("explained", "plain"))
    assert any(one != other for (_, one), (_, other) in pairwise(good))


def test_a_few_images_are_bad() -> None:
    shots = mixed(Target("http://127.0.0.1:1/x"), [b"0123456789"] * 27)

    refused = [shot.body for shot in shots if shot.expect == "refused"]
    assert len(refused) == 6
    assert {b"01234", b""} < set(refused)
