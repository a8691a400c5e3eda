"""A TorchServe apart from the run's, for tests that change keys or the default version of a model; gRPC's client."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import grpc
import pytest

from benchmarks.torchserve import start
from operations.processes import GuardedProcess
from serving.archive import build_archive
from serving.capacity import Capacity
from serving.keys import InferenceKey
from serving.management import ManagementClient, ModelVersion, NotRegistered
from serving.torchserve import Ports, TorchServe
from tests.models import give_statistics, make_model
from tests.services import ModelServer, free_ports

MODEL = "trial"
FIRST, SECOND = "1.0.0", "1.1.0"
PROTO = Path(__file__).parents[2] / "serving" / "proto"
MAX_MESSAGE_BYTES = 64 * 2**20


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
    for seed, version in enumerate((FIRST, SECOND)):
        give_statistics(make_model(folder / "store", name=MODEL, version=version, seed=seed))
    server = TorchServe(
        home=folder / "torchserve",
        archives=folder / "archives",
        logs=folder / "logs",
        ports=Ports(*free_ports(4)),
        capacity=Capacity(workers=1, threads=1, engine="eager"),
    )
    process, client = start(server, timeout_s=60)
    yield Trial(server, client, folder / "store", process)
    process.stop()
    server.clean()


@pytest.fixture
def both_served(trial: Trial) -> Trial:
    """The trial server with both versions, 1.0.0 being the default, whatever an earlier test left."""
    present = {record.version for record in registered_versions(trial)}
    for version in (FIRST, SECOND):
        if version not in present:
            trial.client.register(trial.archive(version), workers=1)
    trial.client.promote(MODEL, FIRST)
    return trial


def registered_versions(trial: Trial) -> list[ModelVersion]:
    try:
        return trial.client.versions(MODEL)
    except NotRegistered:
        return []


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModuleType, ModuleType]:
    """Messages and client generated from the .proto file, as the README says."""
    folder = tmp_path_factory.mktemp("stubs")
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={folder}"]
        + [f"--grpc_python_out={folder}", "inference.proto"],
        check=True,
    )
    sys.path.insert(0, str(folder))
    try:
        import inference_pb2  # type: ignore[import-not-found]
        import inference_pb2_grpc  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(folder))
    return inference_pb2, inference_pb2_grpc


def channel_to(model_server: ModelServer) -> grpc.Channel:
    """gRPC with messages as large as answers are."""
    return grpc.insecure_channel(
        f"127.0.0.1:{model_server.grpc_inference_port}",
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
    )
