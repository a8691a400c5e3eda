"""The number of the next version of a model."""

import pytest

from serving.next_version import next_version


@pytest.mark.parametrize(
    ("version", "taken", "expected"),
    [
        ("2.1.0", {"2.1.0"}, "2.2.0"),
        ("2.1.0", {"2.1.0", "2.2.0"}, "2.3.0"),
        ("3.0", {"3.0"}, "3.1.0"),
        ("spring", {"spring"}, "spring.1"),
    ],
)
def test_the_next_version(version: str, taken: set[str], expected: str) -> None:
    assert next_version(version, taken) == expected
