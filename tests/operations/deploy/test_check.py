"""`./retinote deploy check`: what is wrong with an installation is named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from operations.deploy import certificate, settings_file
from operations.deploy.checks import Finding, findings, published_ports
from tests.operations.deploy.conftest import HOST, deploy, issue


def change(folder: Path, name: str, value: str | None) -> None:
    """Set a variable in `.env`, or take it out."""
    path = folder / settings_file.NAME
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}=")]
    path.write_text("\n".join(lines + ([f"{name}={value}"] if value is not None else [])) + "\n")


def found(folder: Path, what: str) -> list[str]:
    """What the check says of one thing."""
    return [finding.why for finding in findings(folder) if finding.what == what]


def apart_from_the_disk(folder: Path) -> list[Finding]:
    """All that the check says, but of the disk of the machine that runs the tests."""
    return [finding for finding in findings(folder) if "GB are free" not in finding.why]


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
