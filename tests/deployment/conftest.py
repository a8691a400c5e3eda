"""A gateway that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployment.nginx import Gateway, running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("gateway")) as made:
        yield made
