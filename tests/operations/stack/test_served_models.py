"""What a real TorchServe serves after it was started, killed, and changed by `./retinote models`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pytest

from operations.errors import OperationsError
from operations.models.decisions import RunningStack
from operations.models.served import served_models
from operations.processes import GuardedProcess
from operations.stack.folder import DataFolder, write_state
from serving.capacity import Capacity
from serving.registry import Registry
from serving.served_models import CannotServe
from serving.set_aside import SetAside
from serving.stores import ModelStores
from serving.torchserve import Ports, TorchServe
from serving.wanted import ALL, Wanted
from tests.handlers.test_trial import one_nan, rewrite_weights
from tests.models import make_model
from tests.services import free_ports
from tests.waiting import is_running, wait_for

NAME = "retina-oct"
START_TIMEOUT_S = 120
ONE_WORKER = Capacity(workers=1, threads=1, engine="eager")


@dataclass
class Server:
    """A TorchServe on a data folder, started anew as often as wanted."""

    data: DataFolder
    store: Path
    said: list[str] = field(default_factory=list)
    capacity: Capacity = ONE_WORKER
    wanted: Wanted = ALL
    process: GuardedProcess | None = None

    def __post_init__(self) -> None:
        self.data.make()
        self.stores = ModelStores([self.store, self.data.model_store])
        self.torchserve = TorchServe(
            home=self.data.torchserve,
            archives=self.data.archives,
            logs=self.data.logs,
            ports=Ports(*free_ports(4)),
            capacity=self.capacity,
        )
        self.models = served_models(self.torchserve, self.stores, self.data, self.said.append, self.wanted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.stop()

    def start(self) -> None:
        """As the supervisor does: prepare, start, ask until the models are served."""
        self.models.prepare()
        self.process = GuardedProcess.start(
            self.torchserve.command(),
            log=self.data.logs / "console.log",
            environment=self.torchserve.environment(),
            folder=self.torchserve.home,
        )
        wait_for(self.models.are_served, timeout_s=START_TIMEOUT_S)

    def kill(self) -> None:
        """End TorchServe with SIGKILL."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        wait_for(lambda: not is_running(self.process.pid))  # type: ignore[union-attr]
        self.process.stop()

    def changes(self) -> list[tuple[str, str]]:
        """What was noted for the audit."""
        lines = self.data.changes.read_text().splitlines() if self.data.changes.exists() else []
        return [(change["action"], change["model"]) for change in map(json.loads, lines)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose installation brings 1.0.0 and 1.1.0, and whose operator has imported three more.

    2.0.0 is sound. 3.0.0 has a weight that is no number: its files are what its card says, so that only its worker
    can tell. 4.0.0 has other weights than its card says. All are registered, none was promoted.
    """
    folder = tmp_path_factory.mktemp("served")
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        make_model(folder / "store", version=version, seed=seed)
    made = Server(DataFolder(folder / "var"), folder / "store")
    for version in ("2.0.0", "3.0.0", "4.0.0"):
        make_model(made.data.model_store, version=version, seed=5)
        Registry(made.data.registry).note_registered(NAME, version)
    rewrite_weights(made.data.model_store / NAME / "3.0.0", one_nan)
    (made.data.model_store / NAME / "4.0.0" / "weights.safetensors").write_bytes(b"x")
    lock = made.data.hold(made.said.append)
    write_state(
        made.data,
        {
            "pid": os.getpid(),
            "management_url": made.torchserve.management_url,
            "inference_url": made.torchserve.inference_url,
            "key_file": str(made.torchserve.key_file),
            "model_stores": [str(store) for store in made.stores.folders],
            "workers": 1,
            "batching": asdict(made.torchserve.capacity.batching),
        },
    )
    made.start()
    yield made
    if made.process:
        made.process.stop()
    os.close(lock)


def served(stack: RunningStack) -> dict[str, bool]:
    """The versions that are ready, and whether each is the default."""
    return {
        record.version: record.is_default for record in stack.client.versions(NAME) if record.ready_workers
    }


def test_only_promote_changes_what_answers(server: Server) -> None:
    stack = RunningStack(server.data)
    assert served(stack) == {"1.1.0": True, "2.0.0": False}
    before = server.changes()
    assert before[0] == ("model.default", "retina-oct/1.1.0")

    # Broken versions are told of, and tried again at each start.
    assert "3.0.0 is set aside, all else is served: the network gives probabilities that are no" in "\n".join(
        server.said
    )
    reasons = SetAside(server.data.set_aside).reasons()[NAME]
    assert reasons["3.0.0"] == "the network gives probabilities that are no numbers (NaN or infinite)"
    assert "is not the file that its card describes" in reasons["4.0.0"]

    make_model(server.data.model_store, version="9.0.0", seed=6)
    server.kill()
    server.start()
    assert served(stack) == {"1.1.0": True, "2.0.0": False}

    with pytest.raises(OperationsError, match=r"9\.0\.0 has not been compared with 1\.1\.0"):
        stack.make_default("promote", NAME, "9.0.0")
    stack.make_default("promote", NAME, "9.0.0", "neither of them is trained")
    assert served(stack) == {"1.1.0": False, "2.0.0": False, "9.0.0": True}
    server.kill()
    server.start()
    assert served(stack) == {"1.1.0": False, "2.0.0": False, "9.0.0": True}

    stack.make_default("rollback", NAME, stack.earlier_default(NAME))
    server.kill()
    server.start()
    assert served(stack)["1.1.0"]
    assert server.changes() == [
        *before,
        ("model.promote", "retina-oct/9.0.0"),
        ("model.rollback", "retina-oct/1.1.0"),
    ]


def test_a_version_that_does_not_answer_is_not_registered(server: Server) -> None:
    stack = RunningStack(server.data)
    before = server.changes()

    with pytest.raises(OperationsError) as refused:
        stack.register(NAME, "3.0.0")

    assert str(refused.value) == (
        "retina-oct 3.0.0 was not registered: "
        "the network gives probabilities that are no numbers (NaN or infinite)."
    )
    assert "3.0.0" not in served(stack)
    with pytest.raises(OperationsError, match="retina-oct 3.0.0 was not registered"):
        stack.make_default("promote", NAME, "3.0.0", "to see that it does not answer")
    assert stack.registry.choice(NAME).default == stack.client.default_version(NAME) != "3.0.0"
    assert server.changes() == before


def test_the_first_version_of_a_model_is_promoted_and_not_only_registered(server: Server) -> None:
    stack = RunningStack(server.data)
    make_model(server.data.model_store, name="fundus", seed=8)

    with pytest.raises(OperationsError, match="would do so by default.*models promote fundus 1.0.0"):
        stack.register("fundus", "1.0.0")
    assert stack.client.models() == [NAME]

    stack.make_default("promote", "fundus", "1.0.0")
    assert sorted(stack.client.models()) == ["fundus", NAME]
    stack.retire("fundus", "1.0.0")  # the last of its model, beside another model
    assert stack.client.models() == [NAME]
    assert stack.registry.choice("fundus").default is None


def test_a_default_whose_worker_fails_stops_the_stack_with_what_to_do(tmp_path: Path) -> None:
    rewrite_weights(make_model(tmp_path / "store", version="1.1.0"), one_nan)
    make_model(tmp_path / "store", version="1.0.0")
    server = Server(DataFolder(tmp_path / "var"), tmp_path / "store")

    with pytest.raises(CannotServe) as refused:
        server.start()

    assert server.process
    server.process.stop()
    assert str(refused.value) == (
        "retina-oct 1.1.0, which answers by default, can't be served: the network gives probabilities that are no "
        "numbers (NaN or infinite). Nothing else answers in its place by itself: put it back as it was, or promote "
        "another version; sound versions: 1.0.0: ./retinote models promote retina-oct VERSION "
        "--override REASON"
    )


def test_models_of_two_modalities_are_served_side_by_side_and_one_can_be_left_out(tmp_path: Path) -> None:
    for name in (NAME, "chest-xray"):
        make_model(tmp_path / "store", name=name)
    with Server(DataFolder(tmp_path / "var"), tmp_path / "store") as both:
        both.start()
        assert sorted(both.models.client.models()) == ["chest-xray", NAME]
        assert all(both.models.client.versions(name)[0].is_default for name in both.models.client.models())
    some = Wanted(only=frozenset({NAME}))
    with Server(DataFolder(tmp_path / "var"), tmp_path / "store", wanted=some) as one:
        one.start()
        assert list(one.models.client.models()) == [NAME]
        one.models.tell_left_out()
        assert one.said[-1] == "chest-xray is left out, as --models does not name it"
