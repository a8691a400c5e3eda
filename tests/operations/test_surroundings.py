"""Variables of other projects do not reach our processes, and no proxy is used for this machine itself."""

from __future__ import annotations

from pathlib import Path

from operations.surroundings import NO_HOME, clean


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
