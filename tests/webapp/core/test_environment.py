"""What an installation sets: read once, and refused by the variable's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.core.environment import Environment, read


def test_without_variables_all_is_as_it_was_made() -> None:
    assert read({}) == Environment()
    assert read(
        {"RETINOTE_PROXIES": "", "RETINOTE_LOG_FORMAT": "", "RETINOTE_OTHER": "x", "HOME": "/"}
    ) == read({})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("debug", "yes", True),
        ("https", "TRUE", True),
        ("https", "0", False),
        ("proxies", "1", 1),
        ("rate_sign_in", "0", 0),
        ("allowed_hosts", "a.example, b.example,", ["a.example", "b.example"]),
        ("model_management_url", "", ""),
        ("calibration_dir", "/srv/x", Path("/srv/x")),
        ("gateway_secret", " 1 ", " 1 "),
    ],
)
def test_a_variable_is_read(name: str, text: str, value: Any) -> None:
    assert getattr(read({f"RETINOTE_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("PROXIES", "one", 'RETINOTE_PROXIES must be a whole number from 0 to 20, not "one".'),
        (
            "RATE_UPLOAD",
            "6e2",
            'RETINOTE_RATE_UPLOAD must be a whole number from 0 to 1000000000, not "6e2".',
        ),
        (
            "WORKER_METRICS_PORT",
            "65536",
            "RETINOTE_WORKER_METRICS_PORT must be a whole number from 0 to 65535",
        ),
        ("HTTPS", "on", 'RETINOTE_HTTPS must be 1 or 0, not "on".'),
        ("DEBUG", "2", 'RETINOTE_DEBUG must be 1 or 0, not "2".'),
        ("FILE_IDENTITY", "hide", "RETINOTE_FILE_IDENTITY must be one of: pseudonymise, drop, keep"),
        ("LOG_FORMAT", "xml", "RETINOTE_LOG_FORMAT must be one of: line, json"),
        ("SECRET_KEY_FILE", "/absent", "RETINOTE_SECRET_KEY_FILE: /absent can't be read"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, text: str, told: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({f"RETINOTE_{name}": text})
    assert str(refused.value).startswith(told)


def test_all_that_cannot_be_used_is_told_at_once() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"RETINOTE_HTTPS must be .*; RETINOTE_PROXIES must be"):
        read({"RETINOTE_PROXIES": "-1", "RETINOTE_HTTPS": "maybe"})


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of the file\n")
    given = {"RETINOTE_SECRET_KEY": "of the variable", "RETINOTE_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert read(given).secret_key == "of the file"
