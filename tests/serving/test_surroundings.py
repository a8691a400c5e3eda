"""Other projects' variables stay out of ours, and this machine out of the user's proxy."""

from __future__ import annotations

from serving.surroundings import clean


def test_other_projects_settings_are_taken_out_and_ours_stay() -> None:
    variables = {
        "CELERY_BROKER_URL": "amqp://elsewhere",
        "DJANGO_SETTINGS_MODULE": "other",
        "MONGODB_URI": "mongodb://production",
        "NODE_ENV": "production",
        "RETINOTE_MONGODB_URI": "mongodb://ours",
        "PATH": "/bin",
    }

    taken = clean(variables)

    assert variables == {"RETINOTE_MONGODB_URI": "mongodb://ours", "PATH": "/bin"}
    assert "MONGODB_URI" in taken


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    variables = {"PATH": "/bin"}
    assert clean(variables) == []
    assert variables == {"PATH": "/bin"}


def test_a_proxy_stays_for_other_machines_and_what_goes_past_it_is_kept() -> None:
    variables = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intern.example.org, localhost"}

    clean(variables)

    assert variables["HTTP_PROXY"] == "http://proxy:3128"
    assert variables["no_proxy"] == variables["NO_PROXY"] == "intern.example.org,localhost,127.0.0.1,::1"
