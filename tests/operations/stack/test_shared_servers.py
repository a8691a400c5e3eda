"""Two real TorchServes on one shared store (SeaweedFS by S3): each follows what is decided there, by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from operations.errors import EXPECTED
from operations.models.served import served_models
from operations.models.shared import SharedStack, overview
from operations.stack.folder import DataFolder
from operations.stack.stores import copied_registry
from serving.archive import WEIGHTS
from serving.errors import ServingError
from serving.registry import DecidedMeanwhile
from serving.shared import servers
from serving.shared.decisions import NotThere, SharedDecisions, seed
from serving.shared.place import objects_at
from serving.shared.reconciling import Reconciler, Reconciling
from serving.shared.servers import ServerReport
from serving.shared.store import SharedStores
from serving.stores import ModelStores
from tests.handlers.test_trial import one_nan, rewrite_weights
from tests.models import make_model
from tests.operations.stack.test_served_models import NAME, Server
from tests.seaweedfs import Seaweedfs, needs_seaweedfs
from tests.waiting import wait_for

pytestmark = needs_seaweedfs
LOADED_S = 120.0


class SharedServer(Server):
    """A TorchServe on a shared store, with the loop beside it."""

    def on(self, url: str) -> Self:
        self.shared = SharedStores(objects_at(url), self.data.fetched)
        self.stores = self.shared
        self.registry = copied_registry(self.data, self.shared, stands_in=False)
        self.models = served_models(self.torchserve, self.shared, self.data, self.said.append)
        self.loop = contextlib.ExitStack()
        return self

    def start(self) -> None:
        """Start TorchServe, and what keeps it at the registry."""
        super().start()
        self.reconciler = Reconciler(
            self.torchserve, self.shared, self.registry, self.models.client, self.said.append
        )
        self.reconciler.identity = self.data.path.name
        self.loop.enter_context(Reconciling(self.reconciler, lambda: self.models.are_registered))

    def kill(self) -> None:
        """End all of it at once."""
        self.loop.close()
        super().kill()

    def served(self) -> dict[str, bool]:
        """The versions that are ready, and whether each is the default."""
        versions = self.models.client.versions(NAME)
        return {record.version: record.is_default for record in versions if record.ready_workers}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with versions; the last has a weight that is no number, so that only its worker can tell."""
    folder = tmp_path_factory.mktemp("made")
    for seed_, version in enumerate(("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")):
        make_model(folder, version=version, seed=seed_)
    rewrite_weights(folder / NAME / "1.4.0", one_nan)
    return folder


@pytest.fixture(scope="module")
def url(running_seaweedfs: Seaweedfs) -> Iterator[str]:
    """A new store, whose keys are in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_seaweedfs.variables().items():
            patch.setenv(name, value)
        running_seaweedfs.client().create_bucket(Bucket="shared-by-two")
        yield "s3://shared-by-two/models"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, made: Path, url: str) -> Iterator[tuple[SharedServer, ...]]:
    """Two servers on a store in which 1.0.0 was put by the first start."""
    folder = tmp_path_factory.mktemp("two")
    both = tuple(
        SharedServer(DataFolder(folder / name), folder / "none").on(url) for name in ("one", "other")
    )
    first = tmp_path_factory.mktemp("bundled")
    (first / NAME).mkdir()
    (first / NAME / "1.0.0").symlink_to(made / NAME / "1.0.0")
    for server in both:
        seed(server.shared, ModelStores([first]), server.registry, server.said.append)
    try:
        for server in both:
            server.start()
        yield both
    finally:
        for server in both:
            server.loop.close()
            if server.process:
                server.process.stop()


@pytest.fixture
def stack(two: tuple[SharedServer, ...], tmp_path: Path, url: str, made: Path) -> SharedStack:
    """The commands of an operator on a third machine, with 1.0.0 as the default and nothing beside it."""
    data = DataFolder(tmp_path / "operator")
    stack = SharedStack(data, SharedStores(objects_at(url), data.fetched))
    if stack.registry.choice(NAME).default != "1.0.0":
        stack.make_default("promote", NAME, "1.0.0", "neither of them is trained")
    for version in stack.registry.choice(NAME).registered:
        if version != "1.0.0":
            stack.retire(NAME, version)
    wait_for(lambda: all(server.served() == {"1.0.0": True} for server in two), what="the first state")
    return stack


def reports(stack: SharedStack) -> dict[str, ServerReport]:
    return {report.id: report for report in servers.there(stack.servers())}


def test_the_first_start_puts_the_bundled_version_into_the_store_once(
    two: tuple[SharedServer, ...], stack: SharedStack
) -> None:
    assert [len([line for line in server.said if "answers by default until" in line]) for server in two] == [
        1,
        0,
    ]
    wait_for(
        lambda: [len(report.versions) for report in reports(stack).values()] == [1, 1], what="both reports"
    )
    for report in reports(stack).values():
        (one,) = report.versions
        assert (one.name, one.version, one.state, one.is_default) == (NAME, "1.0.0", "ready", True)
        assert one.weights_sha256 == stack.stores.weights_sha256(NAME, "1.0.0")


def test_a_version_is_registered_promoted_and_rolled_back_on_all_servers(
    two: tuple[SharedServer, ...], stack: SharedStack, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.import_model(made / NAME / "1.1.0")
    stack.register(NAME, "1.1.0")
    assert [server.served() for server in two] == [{"1.0.0": True, "1.1.0": False}] * 2

    stack.make_default("promote", NAME, "1.1.0", "neither of them is trained")
    assert [server.served() for server in two] == [{"1.0.0": False, "1.1.0": True}] * 2
    rows, problems = overview(stack)
    assert [row for row in rows if row[1] in ("1.0.0", "1.1.0")] == [
        (NAME, "1.0.0", "by 2 of 2", "", "yes"),
        (NAME, "1.1.0", "by 2 of 2", "yes", "yes"),
    ]
    assert problems == []

    stack.make_default("rollback", NAME, stack.earlier_default(NAME))
    assert [server.served() for server in two] == [{"1.0.0": True, "1.1.0": False}] * 2
    assert "retina-oct 1.0.0 answers by default now, in place of 1.1.0\n" in capsys.readouterr().out

    with pytest.raises(ServingError, match="is served; retire it first"):
        stack.remove(NAME, "1.1.0")
    stack.retire(NAME, "1.1.0")
    wait_for(lambda: all(server.served() == {"1.0.0": True} for server in two), what="the end of 1.1.0")
    wait_for(lambda: not any(report.find(NAME, "1.1.0") for report in reports(stack).values()))
    stack.remove(NAME, "1.1.0")
    assert "1.1.0" not in stack.shared_stores.versions(NAME)
    notes = stack.shared_stores.objects.names("changes/")
    assert len(notes) >= 6


def test_a_version_that_no_server_can_load_is_not_promoted(
    two: tuple[SharedServer, ...], stack: SharedStack, made: Path
) -> None:
    stack.shared_stores.add(made / NAME / "1.4.0")

    with pytest.raises(NotThere) as refused:
        stack.make_default("promote", NAME, "1.4.0", "neither of them is trained")

    assert "retina-oct 1.4.0 is not ready on " in str(refused.value)
    assert "the network gives probabilities that are no numbers (NaN or infinite)" in str(refused.value)
    assert stack.registry.choice(NAME).default == "1.0.0"
    assert all(server.served() == {"1.0.0": True} for server in two)
    _, problems = overview(stack)
    assert any("retina-oct 1.4.0 is failed: the network gives" in problem for problem in problems)


def test_weights_that_were_changed_in_the_store_are_not_loaded(
    two: tuple[SharedServer, ...], stack: SharedStack, made: Path
) -> None:
    stack.shared_stores.add(made / NAME / "1.2.0")
    objects = stack.shared_stores.objects
    (weights,) = [name for name in objects.names(f"models/{NAME}/1.2.0/") if name.endswith(WEIGHTS)]
    objects.write(weights, b"another file")

    with pytest.raises(NotThere, match="is not the file that its card describes"):
        stack.register(NAME, "1.2.0")

    assert all(server.served() == {"1.0.0": True} for server in two)


def test_of_two_administrators_who_promote_at_once_one_does(stack: SharedStack, made: Path) -> None:
    stack.shared_stores.add(made / NAME / "1.3.0")
    stack.register(NAME, "1.3.0")
    seen = stack.registry.choice(NAME)
    sha256 = stack.stores.weights_sha256(NAME, "1.3.0")

    stack.registry.note_promoted(NAME, "1.3.0", sha256, seen)
    with pytest.raises(DecidedMeanwhile, match=r"1\.3\.0 answers by default. Nothing was changed"):
        stack.decisions.make_default("promote", NAME, "1.0.0", seen)
    with pytest.raises(DecidedMeanwhile):
        stack.registry.note_promoted(NAME, "1.0.0", "", seen)

    assert stack.registry.choice(NAME).default == "1.3.0"


def test_what_is_served_goes_on_while_the_store_is_away(
    two: tuple[SharedServer, ...], stack: SharedStack, running_seaweedfs: Seaweedfs, made: Path
) -> None:
    stack.shared_stores.add(made / NAME / "1.1.0")
    running_seaweedfs.stop()
    try:
        for server in two:
            wait_for(
                lambda server=server: any(  # type: ignore[misc]
                    "What is served goes on being served; decisions made meanwhile wait until it is back."
                    in line
                    for line in server.said
                ),
                timeout_s=60,
            )
        assert all(server.served() == {"1.0.0": True} for server in two)
        with pytest.raises(EXPECTED, match="can't be reached"):
            stack.make_default("promote", NAME, "1.1.0", "neither of them is trained")
        one = two[0]
        one.kill()
        one.start()  # from what it brought and read before
        assert one.served() == {"1.0.0": True}
    finally:
        running_seaweedfs.start()

    stack.make_default("promote", NAME, "1.1.0", "neither of them is trained")
    assert [server.served() for server in two] == [{"1.0.0": False, "1.1.0": True}] * 2
    assert "The model store is back" in two[1].said


def test_a_server_that_is_killed_while_it_loads_returns_to_what_was_decided(
    two: tuple[SharedServer, ...], stack: SharedStack, made: Path
) -> None:
    one, other = two
    stack.shared_stores.add(made / NAME / "1.1.0")
    shutil.rmtree(one.shared.cache / NAME / "1.1.0", ignore_errors=True)
    with stack.noted("register", NAME, "1.1.0"):
        stack.decisions.register(NAME, "1.1.0")
    wait_for(lambda: one.reconciler._loading is not None, what="the load's beginning")
    one.kill()
    assert one.registry.choice(NAME).default == "1.0.0"

    one.start()

    wait_for(lambda: one.served() == {"1.0.0": True, "1.1.0": False}, timeout_s=LOADED_S)
    wait_for(lambda: other.served() == one.served(), timeout_s=LOADED_S)


def test_a_machine_that_is_killed_while_it_brings_a_version_has_nothing_of_it(
    stack: SharedStack, made: Path, url: str, tmp_path: Path, running_seaweedfs: Seaweedfs
) -> None:
    stack.shared_stores.add(made / NAME / "1.3.0")
    program = (
        "import sys; from pathlib import Path; from serving.shared.place import objects_at\n"
        "from serving.shared.store import SharedStores\n"
        "stores = SharedStores(objects_at(sys.argv[1]), Path(sys.argv[2]))\n"
        "fetch = stores.objects.fetch\n"
        "stores.objects.fetch = lambda name, target: (target.write_bytes(b'half'), print('half', flush=True), input())\n"
        f"stores.holder({NAME!r}, '1.3.0')\n"
    )
    cache = tmp_path / "cache"
    with subprocess.Popen(
        [sys.executable, "-c", program, url, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout and child.stdout.readline() == b"half\n"
        os.kill(child.pid, signal.SIGKILL)

    after = SharedStores(objects_at(url), cache)
    assert not (cache / NAME / "1.3.0").exists()
    folder = after.holder(NAME, "1.3.0")
    assert folder and (folder / WEIGHTS).read_bytes() == (made / NAME / "1.3.0" / WEIGHTS).read_bytes()
    (left,) = cache.glob(".*")
    os.utime(left, (0, 0))
    after.tidy()
    assert [path.name for path in cache.iterdir()] == [NAME], "half a version was left"


def test_nothing_is_decided_about_what_is_not_there(stack: SharedStack) -> None:
    decisions = SharedDecisions(stack.shared_stores, stack.registry)

    with pytest.raises(NotThere, match=r"There is no retina-oct 7\.0\.0 in s3://shared-by-two/models"):
        decisions.register(NAME, "7.0.0")
    with pytest.raises(NotThere, match="is registered already"):
        decisions.register(NAME, "1.0.0")
    with pytest.raises(NotThere, match="answers by default; promote another version first"):
        decisions.retire(NAME, "1.0.0")
    with pytest.raises(NotThere, match="is not served"):
        decisions.retire(NAME, "7.0.0")
