"""Real services for the whole run: every fixture here is the thing itself, not a stand-in."""

import os
import secrets
import signal
from pathlib import Path

import django
import pytest

from tests import emptying
from tests.services import ModelServer, RunServices, wanted_model_server

FOLDER_VARIABLE = "RETINOTE_TEST_FOLDER"

# The settings of the web app are read while pytest collects, so what they need stands here from the first. The
# controlling process decides it, and its workers inherit it.
services = None if "PYTEST_XDIST_WORKER" in os.environ else RunServices()
if services:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "MONGODB_URI": services.mongodb_uri,
        "RETINOTE_DATABASE": "retinote",
        "RETINOTE_DATA_DIR": str(services.folder / "data"),
        "RETINOTE_SECRET_KEY": secrets.token_urlsafe(48),
        FOLDER_VARIABLE: str(services.folder),
        # Several processes share the cores: threads that spin while they wait would slow all of them.
        "OMP_WAIT_POLICY": "passive",
    }
# A run in the background (`nohup`, `&`) ignores these, and so would every program that a test starts and then
# interrupts. A handler that does nothing protects the run just as well, and is not inherited.
for hushed in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(hushed) is signal.SIG_IGN:
        signal.signal(hushed, lambda *_: None)

# Before the tests of the web app import its models.
django.setup()
emptying.quicken()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the run's services, once."""
    if services:
        config.add_cleanup(services.stop)
        services.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take long, lest one of them runs alone at the end while all other cores idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    """Address of a MongoDB replica set of one."""
    return os.environ["MONGODB_URI"]


@pytest.fixture(scope="session")
def model_server() -> ModelServer:
    """A TorchServe that serves the bundled model as retina-oct."""
    return wanted_model_server(Path(os.environ[FOLDER_VARIABLE]))
