"""TorchServe as it is configured here: who gets in, what may be registered, how much may pass."""

import stat
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from serving.capacity import Capacity, capacity
from serving.management import NotRegistered
from serving.model_metrics import MetricsUnavailable, read_metrics
from serving.torchserve import Ports, TorchServe
from tests.serving.conftest import Trial
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("trial")


def server_in(folder: Path) -> TorchServe:
    return TorchServe(folder, folder / "archives", folder / "logs", Ports(1, 2, 3, 4), Capacity(1, 2))


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses and ports on which a process takes connections."""
    return {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def test_it_listens_on_loopback_only(trial: Trial) -> None:
    expected = {("127.0.0.1", port) for port in trial.server.ports.all()}

    wait_for(
        lambda: len(listening(trial.process.pid)) >= len(expected), what="gRPC, which comes last, listening"
    )

    assert listening(trial.process.pid) == expected


def test_the_key_file_is_its_owners_alone(trial: Trial) -> None:
    assert stat.S_IMODE(trial.server.key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/model.mar",
        "https://example.org/model.mar",
        "file:///etc/model.mar",
        "file://{archives}/../model.mar",
        "../model.mar",
    ],
)
def test_archives_from_elsewhere_are_refused(trial: Trial, url: str) -> None:
    with pytest.raises(NotRegistered, match=r"does not match any allowed URL|Relative path is not allowed"):
        trial.client.register(url.format(archives=trial.server.archives), workers=1)


def test_metrics_are_read_by_a_socket_of_the_servers_own_folder(trial: Trial) -> None:
    text = read_metrics(trial.server.metrics_socket).decode()

    assert "# TYPE ts_inference_requests_total counter" in text


def test_metrics_of_a_server_that_is_away_are_missed_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MetricsUnavailable, match="metrics can't be read: .*No such file"):
        read_metrics(tmp_path / "metrics.sock")


@pytest.mark.parametrize(("port", "address"), [(None, "unix:{socket}"), (5, "http://0.0.0.0:5")])
def test_metrics_have_a_port_only_where_one_is_asked_for(
    tmp_path: Path, port: int | None, address: str
) -> None:
    server = replace(server_in(tmp_path), listens_on="0.0.0.0", ports=Ports(1, 2, 3, 4, port))

    server.prepare()

    settings = (tmp_path / "config.properties").read_text()
    assert f"metrics_address={address.format(socket=server.metrics_socket)}\n" in settings


def test_workers_share_out_the_cores() -> None:
    found = capacity()

    assert found.workers >= 1
    assert found.workers * found.threads <= max(1, psutil.cpu_count() or 1)


def test_workers_get_no_secrets_and_no_checkout(tmp_path: Path) -> None:
    inherited = {
        "PATH": "/bin",
        "PYTHONPATH": "/checkout",
        "RETINOTE_SECRET_KEY": "x",
        "RETINOTE_MONGODB_URI": "mongodb://u:p@h",
        "MONGODB_PASSWORD": "y",
    }

    environment = server_in(tmp_path).environment(inherited)

    assert environment["PATH"] == "/bin"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["RETINOTE_ENGINE"] == "auto"
    assert environment["RETINOTE_ENGINE_CACHE"] == str(tmp_path / "engines")
    assert environment["RETINOTE_ENGINE_REPORTS"] == str(server_in(tmp_path).engine_reports)
    assert not (inherited.keys() - {"PATH"}) & environment.keys()


def test_workers_are_told_where_a_local_calibration_is(tmp_path: Path) -> None:
    inherited = {"RETINOTE_CALIBRATION_DIR": "/of/another/stack"}
    server = server_in(tmp_path)

    assert "RETINOTE_CALIBRATION_DIR" not in server.environment(inherited)
    told = replace(server, calibration=tmp_path / "own").environment(inherited)
    assert told["RETINOTE_CALIBRATION_DIR"] == str(tmp_path / "own")


def test_workers_know_of_no_other_launcher_and_of_all_letters(tmp_path: Path) -> None:
    environment = server_in(tmp_path).environment({"LOCAL_RANK": "1", "LC_ALL": "C"})

    assert "LOCAL_RANK" not in environment, "a worker with a rank keeps its answers to itself"
    assert environment["LC_ALL"] == "C.UTF-8", "Java finds nothing in a folder with an umlaut otherwise"


def test_java_can_read_the_names_of_all_folders(tmp_path: Path) -> None:
    server = server_in(tmp_path / "Bücher 𝄞")

    server.prepare()

    settings = (server.home / "config.properties").read_text("ascii")
    assert "/B\\u00fccher \\ud834\\udd1e/metrics.yaml" in settings
    assert any("B%C3%BCcher%20%F0%9D%84%9E/log4j2.xml" in word for word in server.command())


def test_a_long_folder_name_leaves_room_for_sockets(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name"] * 6)

    assert len(str(server_in(deep).scratch)) <= 80
    assert server_in(deep).scratch != server_in(deep / "other").scratch


def test_what_a_killed_one_left_is_cleared(tmp_path: Path) -> None:
    server = server_in(tmp_path / "torchserve")
    server.prepare()
    leftover = server.scratch / "models"
    leftover.mkdir()
    server.key_file.write_text("{}")

    server.prepare()

    assert not leftover.exists()
    assert not server.key_file.exists()
    assert stat.S_IMODE(server.scratch.stat().st_mode) == 0o700
