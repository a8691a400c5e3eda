"""Real services for the whole run: every fixture here is the thing itself, not a stand-in."""

import gc
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from tests import scale
from tests.durations import Durations
from tests.order import COSTS, UnitScheduling, dearest_first
from tests.services import ModelServer, RunServices, wanted_model_server, wanted_mongodb

pytest_plugins = [
    "pytester",
    "tests.orthanc",
    "tests.seaweedfs",
]  # the first for tests of what this folder adds to pytest

# The settings of the web app are read while pytest collects, so what they need stands here from the first. The
# controlling process decides it, and its workers inherit it.
services = None if "PYTEST_XDIST_WORKER" in os.environ else RunServices()
if services:
    os.environ |= {
        "RETINOTE_MONGODB_URI": services.mongodb_uri,
        "RETINOTE_DATABASE": "retinote",
        "RETINOTE_DATA_DIR": str(services.folder / "data"),
        "RETINOTE_SECRET_KEY": secrets.token_urlsafe(48),
        scale.FOLDER_VARIABLE: str(services.folder),
        # Several processes share the cores: threads that spin while they wait would slow all of them.
        "OMP_WAIT_POLICY": "passive",
    }
# A run in the background (`nohup`, `&`) ignores these, and so would every program that a test starts and then
# interrupts. A handler that does nothing protects the run just as well, and is not inherited.
for hushed in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(hushed) is signal.SIG_IGN:
        signal.signal(hushed, lambda *_: None)


LONGEST_ID_BYTES = 64
"""Bytes of a test's parameter that stand in its name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options `--write-costs` and `--thorough`."""
    group = parser.getgroup("Retinote")
    group.addoption(
        "--write-costs", action="store_true", help=f"keep in {COSTS.name} how long tests took, to order them"
    )
    group.addoption(
        "--thorough",
        action="store_true",
        help="bring all faults about, and compile and check anew what earlier runs left in the user's cache folder",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Be ready to start the run's services, once."""
    if config.getoption("thorough"):
        # For the other processes of this run, and before any test is imported.
        os.environ[scale.THOROUGH_VARIABLE] = "1"
    config.pluginmanager.register(Durations())
    if services:
        config.add_cleanup(services.stop)
        services.start()


@pytest.hookimpl(trylast=True)
def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name files by their parameter: their bytes may hold the moment at which they were made, another one in each process."""
    return argname if isinstance(val, bytes) and len(val) > LONGEST_ID_BYTES else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that take longest first."""
    dearest_first(items)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking again and again at what was imported, which stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    """Give each file, and each group of tests, to one process."""
    return UnitScheduling(config, log)


@pytest.fixture(autouse=True)
def own_surroundings() -> Iterator[None]:
    """Put back the variables that a test has taken out of the environment.

    A command that runs in the tests' own process cleans it (`operations.environment`), and Django's settings are found
    by a variable that would be missing for whatever a later test starts.
    """
    before = dict(os.environ)
    yield
    for name in before.keys() - os.environ.keys():
        os.environ[name] = before[name]


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    """The address of a MongoDB replica set of one member."""
    return wanted_mongodb(Path(os.environ[scale.FOLDER_VARIABLE]))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, mongodb_uri: str
) -> None:
    """Where the web app's database is, before the first test wants one: only then is the server started."""


@pytest.fixture(scope="session")
def model_server() -> ModelServer:
    """A TorchServe that serves the bundled model as retina-oct."""
    return wanted_model_server(Path(os.environ[scale.FOLDER_VARIABLE]))
