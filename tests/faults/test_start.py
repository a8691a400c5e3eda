"""What can be wrong when a stack is to start: one clear line each, and nothing is left running."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from operations.stack.folder import DataFolder
from tests.modalities.folders import write_modality
from tests.models import make_model
from tests.services import free_ports
from tests.stacks import ROOT, environment, retinote
from tests.waiting import is_running, wait_for


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one untrained model."""
    folder = tmp_path_factory.mktemp("store")
    make_model(folder)
    return folder


def refused(data: Path, *arguments: str | Path) -> str:
    """The one line with which `up` refuses to start."""
    ran = retinote("up", "--data-dir", data, *arguments)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert not DataFolder(data).is_held()
    return ran.stderr


@pytest.mark.parametrize("option", ["--port", "--inference-port"])
def test_a_port_in_use(tmp_path: Path, store: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = str(listener.getsockname()[1])
        ports = ["--port", str(free_ports(1)[0]), option, taken]

        line = refused(tmp_path, "--model-store", store, *ports)

    assert f"Port {taken} is in use by another program; choose another with {option}." in line


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, store: Path) -> None:
    (tmp_path / "file").touch()

    line = refused(tmp_path / "file" / "var", "--model-store", store)

    assert f"The data folder {tmp_path}/file/var can't be written (Not a directory)" in line


def test_no_model(tmp_path: Path) -> None:
    line = refused(tmp_path / "var", "--model-store", tmp_path / "empty", "--port", str(free_ports(1)[0]))

    assert f"There is no model to serve in {tmp_path}/empty" in line


def test_a_mongodb_elsewhere_that_does_not_answer(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "cli.py", "up", "--data-dir", tmp_path, "--model-store", store]
        + ["--port", str(free_ports(1)[0])],
        env=environment() | {"RETINOTE_MONGODB_URI": "mongodb://127.0.0.1:9/?replicaSet=rs0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 2
    assert "The MongoDB server of RETINOTE_MONGODB_URI does not answer" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_broken_weights_stop_the_start(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "store")
    with (folder / "weights.safetensors").open("ab") as weights:
        weights.write(b"x")

    ran = retinote(
        *("up", "--data-dir", tmp_path / "var", "--model-store", tmp_path / "store"),
        *("--port", str(free_ports(1)[0])),
    )

    assert ran.returncode == 2
    assert "weights.safetensors is not the file that its card describes" in ran.stderr
    assert not DataFolder(tmp_path / "var").is_held()


def test_a_modality_without_its_model_stops_the_start(tmp_path: Path, store: Path) -> None:
    more = write_modality(tmp_path / "more")
    ran = subprocess.run(
        [sys.executable, ROOT / "cli.py", "up", "--data-dir", tmp_path / "var", "--model-store", store]
        + ["--port", str(free_ports(1)[0])],
        env=environment() | {"RETINOTE_MODALITIES": str(more)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ran.returncode == 2
    assert "model: there is no model fundus in the stores. Import one" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not DataFolder(tmp_path / "var").is_held()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_end_in_the_middle_of_the_start_leaves_nothing(
    tmp_path: Path, store: Path, how: signal.Signals
) -> None:
    starting = subprocess.Popen(
        [sys.executable, ROOT / "cli.py", "up", "--data-dir", tmp_path / "var", "--model-store", store]
        + ["--port", str(free_ports(1)[0])],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert starting.stdout
    while "MongoDB is ready" not in starting.stdout.readline():
        assert starting.poll() is None
    processes = [child.pid for child in psutil.Process(starting.pid).children(recursive=True)]

    os.kill(starting.pid, how)

    assert starting.wait(60) == (130 if how is not signal.SIGKILL else -signal.SIGKILL)
    starting.stdout.close()
    wait_for(lambda: not any(is_running(pid) for pid in processes), timeout_s=60)
    wait_for(lambda: not DataFolder(tmp_path / "var").is_held())
