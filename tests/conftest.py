"""Real services for the whole run: every fixture here is the thing itself, not a stand-in."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import ModelServer, RunServices, wanted_model_server

FOLDER_VARIABLE = "RETINOTE_TEST_FOLDER"

# pytest-django loads the settings when it is configured, so the controlling process starts MongoDB before that, and
# its workers inherit these variables.
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"


def _is_controller() -> bool:
    return "PYTEST_XDIST_WORKER" not in os.environ


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the run's services, once."""
    if not _is_controller():
        return
    services = RunServices()
    config.add_cleanup(services.stop)
    os.environ["MONGODB_URI"] = services.start()
    os.environ[FOLDER_VARIABLE] = str(services.folder)
    os.environ["RETINOTE_SECRET_KEY"] = secrets.token_urlsafe(48)
    os.environ["RETINOTE_DATA_DIR"] = str(services.folder / "data")
    os.environ["RETINOTE_DATABASE"] = "retinote"


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    """Address of a MongoDB replica set of one."""
    return os.environ["MONGODB_URI"]


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    """A TorchServe that serves the bundled model as retina-oct."""
    yield wanted_model_server(Path(os.environ[FOLDER_VARIABLE]))
