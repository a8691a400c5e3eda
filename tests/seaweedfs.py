"""A real server that speaks S3 for tests: SeaweedFS, on free ports of this machine, one for each process of a run.

What uses the fixtures `seaweedfs` and `bucket` is marked `needs_seaweedfs`. tests/seaweedfs.txt says which version.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from handlers.user_cache import user_cache
from operations.processes import GuardedProcess, wait_until
from serving.shared import s3
from tests.services import free_ports

PROGRAM = shutil.which("weed") or shutil.which("weed", path=str(user_cache() / "seaweedfs" / "bin")) or ""
KEY, SECRET = "RETINOTETESTS", "a secret of tests alone"
START_TIMEOUT_S = 60
needs_seaweedfs = pytest.mark.skipif(
    not PROGRAM, reason="needs SeaweedFS: .ci/run installs it by tests/seaweedfs.txt"
)


@dataclass
class Seaweedfs:
    """A running server that lets in whoever has KEY and SECRET."""

    folder: Path
    url: str
    command: list[str]
    process: GuardedProcess

    def variables(self) -> dict[str, str]:
        """The environment of a client."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def hang(self) -> None:
        """Let it answer nothing until `go_on`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it; `start` brings it back with all that it kept."""
        self.process.stop()

    def start(self) -> None:
        """Start it on the same ports."""
        self.process = GuardedProcess.start(
            self.command, log=self.folder / "log", folder=self.folder, grace_s=1.0
        )
        wait_until(self.answers, process=self.process, name="SeaweedFS", timeout_s=START_TIMEOUT_S)

    def answers(self) -> bool:
        """Whether it takes and gives back an object's worth of bytes, which it does some time after it listens."""
        try:
            return requests.get(f"{self.url}/status", timeout=5).ok and self._has_room()
        except requests.RequestException:
            return False

    def _has_room(self) -> bool:
        bucket, client = "is-it-ready", self.client()
        try:
            client.create_bucket(Bucket=bucket)
        except client.exceptions.ClientError:
            pass  # it is there from an earlier start
        try:
            client.put_object(Bucket=bucket, Key="any", Body=b"any")
        except client.exceptions.ClientError:
            return False
        return True

    def client(self) -> Any:
        """A client of boto3."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables().items():
                patch.setenv(name, value)
            return s3.client()


@pytest.fixture(scope="session")
def running_seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweedfs]:
    """A server for all tests of this process."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    identities = {
        "identities": [
            {
                "name": "tests",
                "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }
    (folder / "s3.json").write_text(json.dumps(identities))
    names = ("master", "volume", "filer", "s3")
    ports = dict(
        zip([f"{name}.port{kind}" for name in names for kind in ("", ".grpc")], free_ports(8), strict=True)
    )
    command = [
        *(
            PROGRAM,
            "server",
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
        ),
        *(
            "-volume.max=2000",
            "-master.volumeSizeLimitMB=64",
            "-filer",
            "-s3",
            f"-s3.config={folder / 's3.json'}",
        ),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.preStopSeconds=0"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    url = f"http://127.0.0.1:{ports['s3.port']}"
    process = GuardedProcess.start(command, log=folder / "log", folder=folder, grace_s=1.0)
    made = Seaweedfs(folder, url, command, process)
    try:
        wait_until(made.answers, process=process, name="SeaweedFS", timeout_s=START_TIMEOUT_S)
        yield made
    finally:
        made.stop()


@pytest.fixture
def seaweedfs(running_seaweedfs: Seaweedfs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seaweedfs]:
    """The server, with its address and keys in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in running_seaweedfs.variables().items():
        monkeypatch.setenv(name, value)
    yield running_seaweedfs


@pytest.fixture
def bucket(seaweedfs: Seaweedfs) -> str:
    """The name of a new bucket."""
    name = f"tests-{uuid4().hex[:12]}"
    seaweedfs.client().create_bucket(Bucket=name)
    return name
