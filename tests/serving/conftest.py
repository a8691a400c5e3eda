"""A TorchServe apart from the run's, for tests that change keys or the default version of a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.torchserve import start
from serving.archive import build_archive
from serving.capacity import Capacity
from serving.keys import InferenceKey
from serving.management import ManagementClient
from serving.processes import GuardedProcess
from serving.torchserve import Ports, TorchServe
from tests.models import make_model
from tests.services import free_ports

MODEL = "trial"


@dataclass(frozen=True)
class Trial:
    """A running TorchServe without models, and a store with two versions of an untrained one."""

    server: TorchServe
    client: ManagementClient
    store: Path
    process: GuardedProcess

    def inference_key(self) -> InferenceKey:
        return InferenceKey(self.server.key_file, self.server.management_url)

    def archive(self, version: str) -> str:
        """File name of a version's archive, built now if it isn't there."""
        return build_archive(self.store, MODEL, version, self.server.archives).name


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Started in two seconds; registering a model in it takes a few more."""
    folder = tmp_path_factory.mktemp("trial")
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        make_model(folder / "store", name=MODEL, version=version, seed=seed)
    server = TorchServe(
        home=folder / "torchserve",
        archives=folder / "archives",
        logs=folder / "logs",
        ports=Ports(*free_ports(5)),
        capacity=Capacity(workers=1, threads=1, engine="eager"),
    )
    process, client = start(server, timeout_s=60)
    yield Trial(server, client, folder / "store", process)
    process.stop()
    server.clean()
