"""The stack that several files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import give_findings, make_model
from tests.services import free_ports
from tests.stacks import Stack

SURROUNDINGS = {
    # A proxy that is not there: whatever goes through it fails.
    **dict.fromkeys(("http_proxy", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9"),
    "CELERY_BROKER_URL": "amqp://127.0.0.1:9//",
    "CELERY_RESULT_BACKEND": "redis://127.0.0.1:9",
    "DJANGO_SETTINGS_MODULE": "another.settings",
    "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:9 --workers 40",
    "MONGODB_URI": "mongodb://127.0.0.1:9/",
    "PROMETHEUS_MULTIPROC_DIR": "/dev/null/nowhere",
    "TS_CONFIG_FILE": "/dev/null/nowhere/config.properties",
    "JAVA_TOOL_OPTIONS": "-Xmx8m",
    "NODE_ENV": "production",
    "LOCAL_RANK": "1",
    "HOME": "/dev/null",
    "LC_ALL": "C",
}
"""Variables of other projects, of a user without a home, and of a terminal that shows ASCII alone."""


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with two versions, untrained."""
    folder = tmp_path_factory.mktemp("store")
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        give_findings(make_model(folder, version=version, seed=seed))
    return folder


@pytest.fixture(scope="package")
def stack(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack for all tests that leave it as they found it, in surroundings that could disturb it.

    They are of the xdist_group `stack`.
    """
    folder = tmp_path_factory.mktemp("stack") / "Bücher #1 100%41 d'été"
    made = Stack(
        folder / "var",
        store,
        *free_ports(1),
        variables=SURROUNDINGS,
        options=("--allowed-host", "oct.example.org"),
    )
    try:
        yield made.up()
        made.assert_runs()
    finally:
        made.down()
