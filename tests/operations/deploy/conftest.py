"""Installations in folders of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.deploy import certificate

ROOT = Path(__file__).parents[3]
HOST = "oct.example.org"


def deploy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it as on a server that has Python and no packages."""
    return subprocess.run(
        [sys.executable, "-S", ROOT / "cli.py", "deploy", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` leaves, beside the compose file of the project."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copy(ROOT / "docker-compose.yml", folder)
    made = deploy("init", "--host", HOST, "--folder", folder)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def folder(installed: Path, tmp_path: Path) -> Path:
    """An installation of each test's own."""
    return Path(shutil.copytree(installed, tmp_path / "installation"))


def issue(folder: Path, *, host: str = HOST, days: int = 365) -> None:
    """Put a certificate of a small authority, as one would buy it, in place of the self-signed one."""
    tls = folder / "deploy" / "tls"
    tls.mkdir(parents=True, exist_ok=True)
    authority, key = folder / "ca.pem", folder / "ca.key"

    def openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    openssl("req", "-x509", *curve, "-subj", "/CN=Authority", "-keyout", key, "-out", authority)
    request, names = folder / "request.pem", folder / "names"
    names.write_text(f"subjectAltName=DNS:{host}")
    openssl("req", "-new", *curve, "-subj", f"/CN={host}", "-keyout", tls / certificate.KEY, "-out", request)
    openssl(
        *("x509", "-req", "-in", request, "-CA", authority, "-CAkey", key, "-days", str(days)),
        *("-extfile", names, "-out", tls / certificate.CERTIFICATE),
    )
    (tls / certificate.KEY).chmod(0o600)
