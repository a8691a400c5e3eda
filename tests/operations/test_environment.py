"""Other projects' variables do not reach our processes, no proxy is used for this machine, and files are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.environment import NO_HOME, clean, take_addresses
from operations.errors import OperationsError


def test_other_projects_settings_are_taken_out_and_ours_stay() -> None:
    variables = {
        "CELERY_BROKER_URL": "amqp://elsewhere",
        "DJANGO_SETTINGS_MODULE": "other",
        "MONGODB_URI": "mongodb://production",
        "NODE_ENV": "production",
        "RETINOTE_MONGODB_URI": "mongodb://ours",
        "PATH": "/bin",
        "HOME": "/",
    }

    taken = clean(variables)

    assert variables == {"RETINOTE_MONGODB_URI": "mongodb://ours", "PATH": "/bin", "HOME": "/"}
    assert "MONGODB_URI" in taken


def test_a_home_that_is_no_folder_is_missing(tmp_path: Path) -> None:
    for home, expected in ((str(tmp_path), str(tmp_path)), ("/dev/null", NO_HOME), ("/dev/null/x", NO_HOME)):
        variables = {"HOME": home}
        clean(variables)
        assert variables["HOME"] == expected
    assert not Path(NO_HOME).exists()


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    variables = {"PATH": "/bin", "HOME": "/"}
    assert clean(variables) == []
    assert variables == {"PATH": "/bin", "HOME": "/"}


def test_a_proxy_stays_for_other_machines_and_what_goes_past_it_is_kept() -> None:
    variables = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intern.example.org, localhost"}

    clean(variables)

    assert variables["HTTP_PROXY"] == "http://proxy:3128"
    assert variables["no_proxy"] == variables["NO_PROXY"] == "intern.example.org,localhost,127.0.0.1,::1"


def test_addresses_in_files_are_taken_from_there_and_other_files_are_left_to_the_web_app(
    tmp_path: Path,
) -> None:
    (tmp_path / "uri").write_text("mongodb://h/\n")
    (tmp_path / "broker").write_text("redis://h/0")
    variables = {
        "RETINOTE_MONGODB_URI": "mongodb://another/",
        "RETINOTE_MONGODB_URI_FILE": str(tmp_path / "uri"),
        "RETINOTE_BROKER_URL_FILE": str(tmp_path / "broker"),
        "RETINOTE_SECRET_KEY_FILE": "/run/secrets/secret_key",
    }

    take_addresses(variables)

    assert variables == {
        "RETINOTE_MONGODB_URI": "mongodb://h/",
        "RETINOTE_BROKER_URL": "redis://h/0",
        "RETINOTE_SECRET_KEY_FILE": "/run/secrets/secret_key",
    }


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(OperationsError, match="RETINOTE_MONGODB_URI_FILE: /absent can't be read"):
        take_addresses({"RETINOTE_MONGODB_URI_FILE": "/absent"})
