"""`./retinote deploy init` and `deploy check`, in folders of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.deploy import certificate, settings_file
from operations.deploy.checks import Finding, findings, published_ports

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


@pytest.fixture(scope="module")
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


def change(folder: Path, name: str, value: str | None) -> None:
    """Set a variable in `.env`, or take it out."""
    path = folder / settings_file.NAME
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}=")]
    path.write_text("\n".join(lines + ([f"{name}={value}"] if value is not None else [])) + "\n")


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


def found(folder: Path, what: str) -> list[str]:
    """What the check says of one thing."""
    return [finding.why for finding in findings(folder) if finding.what == what]


def apart_from_the_disk(folder: Path) -> list[Finding]:
    """All that the check says, but of the disk of the machine that runs the tests."""
    return [finding for finding in findings(folder) if "GB are free" not in finding.why]


def test_init_writes_secrets_that_nobody_else_can_read(folder: Path) -> None:
    path = folder / ".env"
    settings = settings_file.read(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert settings["RETINOTE_HOST"] == HOST
    secrets = [settings[name] for name in settings_file.SECRETS]
    assert len(set(secrets)) == len(secrets)
    assert min(len(secret) for secret in secrets) >= 48


def test_two_installations_have_different_secrets() -> None:
    one, other = settings_file.new_secrets(), settings_file.new_secrets()

    assert not set(one.values()) & set(other.values())


def test_init_overwrites_nothing(folder: Path) -> None:
    before = (folder / ".env").read_text()

    again = deploy("init", "--host", HOST, "--folder", folder)

    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert (folder / ".env").read_text() == before


def test_init_says_that_its_certificate_is_for_trying_only(tmp_path: Path) -> None:
    made = deploy("init", "--host", HOST, "--folder", tmp_path)

    assert "SELF-SIGNED" in made.stdout and "for trying only" in made.stdout
    assert (tmp_path / "deploy" / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_init_leaves_a_certificate_that_is_there(tmp_path: Path) -> None:
    issue(tmp_path)
    path = tmp_path / "deploy" / "tls" / certificate.CERTIFICATE
    before = path.read_text()

    assert "SELF-SIGNED" not in deploy("init", "--host", HOST, "--folder", tmp_path).stdout
    assert path.read_text() == before


@pytest.mark.parametrize("host", ["https://oct.example.org", "oct.example.org:8443", "a b", "*", "-x"])
def test_init_takes_a_host_name_and_nothing_around_it(tmp_path: Path, host: str) -> None:
    made = deploy("init", f"--host={host}", "--folder", tmp_path)

    assert made.returncode == 2
    assert "--host" in made.stderr
    assert not (tmp_path / ".env").exists()


def test_init_asks_for_the_host_when_nobody_is_there_to_answer(tmp_path: Path) -> None:
    made = deploy("init", "--folder", tmp_path)

    assert made.returncode == 2
    assert "--host is missing" in made.stderr


def test_a_new_installation_lacks_but_its_certificate(folder: Path) -> None:
    (only,) = apart_from_the_disk(folder)

    assert only.what == "certificate"
    assert "self-signed" in only.why


def test_with_a_certificate_there_is_nothing_to_mend(folder: Path) -> None:
    issue(folder)

    assert apart_from_the_disk(folder) == []


def test_the_exit_status_tells_whether_there_is_something_to_mend(folder: Path) -> None:
    shown = deploy("check", "--folder", folder)

    assert shown.returncode == 1
    assert "self-signed" in shown.stdout
    assert "to mend before going live" in shown.stdout


def test_without_settings_the_check_says_what_makes_them(tmp_path: Path) -> None:
    shown = deploy("check", "--folder", tmp_path)

    assert shown.returncode == 2
    assert "deploy init" in shown.stderr


def test_every_missing_secret_is_named(folder: Path) -> None:
    for name in settings_file.SECRETS:
        change(folder, name, None)

    missing = [finding.what for finding in findings(folder) if "It is missing" in finding.why]
    assert missing == list(settings_file.SECRETS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "missing"),
        ("changeme-" + "xK3f9QzLw8" * 4, "changeme"),
        ("Zk3f9QzLw8", "weak"),
        ("ab" * 24, "weak"),
    ],
)
def test_a_bad_secret_is_named(folder: Path, value: str, said: str) -> None:
    change(folder, "REDIS_PASSWORD", value)

    (why,) = found(folder, "REDIS_PASSWORD")
    assert said in why


def test_a_secret_used_twice_is_named(folder: Path) -> None:
    change(folder, "REDIS_PASSWORD", settings_file.read(folder / ".env")["MONGODB_PASSWORD"])

    (why,) = found(folder, "REDIS_PASSWORD")
    assert "same as MONGODB_PASSWORD" in why


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETINOTE_DEBUG", "1"),
        ("RETINOTE_DEBUG", "true"),
        ("RETINOTE_HTTPS", "0"),
        ("RETINOTE_HOST", "*"),
        ("RETINOTE_HOST", "localhost"),
        ("RETINOTE_HOST", None),
        ("RETINOTE_ALLOWED_HOSTS", "a.example.org,*"),
        ("MONGODB_IMAGE", "docker.io/library/mongo:latest"),
        ("REDIS_IMAGE", "registry.example.org:5000/redis"),
    ],
)
def test_an_unsafe_setting_is_named(folder: Path, name: str, value: str | None) -> None:
    change(folder, name, value)

    assert found(folder, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETINOTE_DEBUG", "0"),
        ("RETINOTE_HTTPS", "1"),
        ("MONGODB_IMAGE", "docker.io/library/mongo:8.0.37"),
        ("REDIS_IMAGE", "registry.example.org:5000/redis@sha256:" + "0" * 64),
    ],
)
def test_a_safe_setting_is_not(folder: Path, name: str, value: str) -> None:
    change(folder, name, value)

    assert not found(folder, name)


def test_settings_that_others_can_read_are_named(folder: Path) -> None:
    (folder / ".env").chmod(0o644)

    (why,) = found(folder, str(folder / ".env"))
    assert "chmod 600" in why


@pytest.mark.parametrize(
    ("days", "host", "said"),
    [
        (365, "other.example.org", "not for oct.example.org"),
        (7, HOST, "expires within"),
        (-1, HOST, "expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_named(folder: Path, days: int, host: str, said: str) -> None:
    issue(folder, host=host, days=days)

    (why,) = found(folder, "certificate")
    assert said in why


def test_a_missing_certificate_is_named(folder: Path) -> None:
    (folder / "deploy" / "tls" / certificate.CERTIFICATE).unlink()

    (why,) = found(folder, "certificate")
    assert "missing" in why


def test_a_key_of_another_certificate_is_named(folder: Path) -> None:
    issue(folder)
    key = folder / "deploy" / "tls" / certificate.KEY
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True
    )
    key.chmod(0o644)

    assert [why.partition("key.pem ")[2][:15] for why in found(folder, "certificate")] == [
        "does not belong",
        "can be read by ",
    ]


def test_a_published_database_is_named(folder: Path) -> None:
    (folder / "docker-compose.override.yml").write_text(
        'services:\n  mongodb:\n    ports:\n      - "27017:27017"\n'
    )

    (why,) = found(folder, "docker-compose.override.yml")
    assert "mongodb publishes 27017:27017" in why


def test_published_ports_are_found_in_either_spelling() -> None:
    compose = """
services:
  one:
    image: x  # a note
    ports: ["80:80"]
  two:
    environment:
      ports: none
    ports:
      # a note
      - 443:443
      - target: 8080
    networks: [a]
volumes:
  ports: {}
"""
    assert published_ports(compose) == {"one": ['["80:80"]'], "two": ["443:443", "target: 8080"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_settings_that_cannot_be_read_are_said(folder: Path) -> None:
    (folder / ".env").chmod(0)

    assert "can't be read" in deploy("check", "--folder", folder).stderr
