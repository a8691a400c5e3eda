"""`./retinote deploy init`: what it writes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.deploy import certificate, settings_file
from tests.operations.deploy.conftest import HOST, deploy, issue


def test_init_writes_secrets_that_nobody_else_can_read(folder: Path) -> None:
    path = folder / ".env"
    settings = settings_file.read(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert settings["RETINOTE_HOST"] == HOST
    secrets = [settings[name] for name in settings_file.SECRETS]
    assert len(set(secrets)) == len(secrets)
    assert min(len(secret) for secret in secrets) >= 48


def test_init_makes_a_folder_that_nobody_else_looks_into(tmp_path: Path) -> None:
    made = deploy("init", "--host", HOST, "--folder", tmp_path / "new")

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / ".env").exists()


def test_init_says_not_to_keep_the_secrets_with_the_backups(tmp_path: Path) -> None:
    made = deploy("init", "--host", HOST, "--folder", tmp_path)

    assert "not with your backups" in made.stdout
    assert "not together with the backups" in (tmp_path / ".env").read_text()


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
