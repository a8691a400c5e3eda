"""Guessing passwords: slowed down by account and by address, without telling which names exist."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import argon2.low_level
import pytest
from django.conf import settings as project_settings
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from tests.webapp.conftest import PASSWORD, Clients
from webapp.accounts.models import User
from webapp.core.counting_cache import CountingFileCache

TOKEN, SESSION = "/api/v1/auth/token/", "/api/v1/auth/session/"
PAIR = project_settings.AXES_FAILURE_LIMIT


def sign_in(name: str, password: str = "guess", address: str = "203.0.113.1") -> Any:
    return APIClient(REMOTE_ADDR=address).post(TOKEN, {"username": name, "password": password})


@pytest.fixture
def cheap_hashes(settings: Any) -> None:
    """What is counted are sign-ins, not the work that each is."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clara(cheap_hashes: None, clinician: User) -> User:
    return clinician


def from_everywhere() -> Iterator[str]:
    """One address after the other, as a botnet has them."""
    for number in range(1, 10_000):
        yield f"198.51.{number // 250}.{number % 250 + 1}"


def test_a_name_is_locked_for_the_address_that_guesses(clara: User) -> None:
    answers = [sign_in("clara").status_code for _ in range(PAIR)]
    assert answers == [401] * (PAIR - 1) + [429]
    assert sign_in("clara", PASSWORD).status_code == 429, "the right password is not even looked at"
    assert sign_in("clara", PASSWORD, address="203.0.113.2").status_code == 200


def test_guesses_from_everywhere_lock_the_account(clara: User, settings: Any) -> None:
    guesses = zip(from_everywhere(), range(settings.ACCOUNT_FAILURE_LIMIT), strict=False)
    answers = [sign_in("clara", address=address).status_code for address, _ in guesses]
    assert answers[:-1] == [401] * (settings.ACCOUNT_FAILURE_LIMIT - 1)
    assert sign_in("clara", PASSWORD, address="192.0.2.99").status_code == 429


def test_nobody_is_locked_out_at_the_usual_desk(clara: User, settings: Any) -> None:
    desk = "203.0.113.77"
    assert sign_in("clara", PASSWORD, address=desk).status_code == 200
    for address, _ in zip(from_everywhere(), range(settings.ACCOUNT_FAILURE_LIMIT), strict=False):
        sign_in("clara", address=address)

    assert sign_in("clara", PASSWORD, address=desk).status_code == 200
    guessed = [sign_in("clara", address=desk).status_code for _ in range(PAIR)]
    assert guessed[-1] == 429, "at that desk, too, one can guess only so often"


def test_one_address_that_tries_many_names_is_locked(clara: User, settings: Any) -> None:
    answers = [sign_in(f"name-{number}").status_code for number in range(settings.ADDRESS_FAILURE_LIMIT)]
    assert answers[:-1] == [401] * (settings.ADDRESS_FAILURE_LIMIT - 1)
    assert sign_in("clara", PASSWORD).status_code == 429
    assert sign_in("clara", PASSWORD, address="203.0.113.2").status_code == 200


def test_the_administrations_own_form_is_under_the_same_lock(clara: User) -> None:
    client = Client(REMOTE_ADDR="203.0.113.1")
    for _ in range(PAIR):
        answer = client.post("/admin/login/", {"username": "clara", "password": "guess"})
    assert answer.status_code == 429
    assert sign_in("clara", PASSWORD).status_code == 429


def test_the_way_from_the_page_to_the_administration_is_under_the_same_lock(
    cheap_hashes: None, administrator: User, api: Clients
) -> None:
    """Whoever sits down at an administrator's open page guesses no oftener than at the sign-in."""
    page = api(administrator)
    page.defaults["REMOTE_ADDR"] = "203.0.113.1"

    answers = [page.post(SESSION, {"password": "guess"}).status_code for _ in range(PAIR)]

    assert answers == [403] * (PAIR - 1) + [429]
    assert page.post(SESSION, {"password": PASSWORD}).status_code == 429
    assert sign_in("anna", PASSWORD).status_code == 429


def test_the_old_password_in_the_form_for_a_new_one_is_under_the_same_lock(
    cheap_hashes: None, administrator: User
) -> None:
    """Whoever comes by a session of the administration guesses no oftener there."""
    browser = Client(REMOTE_ADDR="203.0.113.1")
    browser.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")

    def change(old: str) -> int:
        new = {"new_password1": "green-otter-42-x", "new_password2": "green-otter-42-x"}
        return browser.post("/admin/password_change/", {"old_password": old, **new}).status_code

    assert [change("guess") for _ in range(PAIR)] == [200] * (PAIR - 1) + [429]
    assert change(PASSWORD) == 429
    administrator.refresh_from_db()
    assert administrator.check_password(PASSWORD)


def test_another_way_to_write_a_name_is_under_the_same_lock(cheap_hashes: None, db: None) -> None:
    User.objects.create_user("josé", password=PASSWORD)
    names = ("jos\u00e9", "jose\u0301", "\uff4aos\u00e9")
    for number in range(PAIR):
        sign_in(names[number % len(names)], "guess")
    assert {sign_in(name, PASSWORD).status_code for name in names} == {429}


def test_names_that_exist_and_names_that_do_not_are_answered_alike(clara: User) -> None:
    inactive = User.objects.create_user("irene", password=PASSWORD, is_active=False)
    answers = {
        name: [
            (answer.status_code, answer.content)
            for answer in (sign_in(name, password) for _ in range(PAIR + 2))
        ]
        for name, password in (("clara", "guess"), ("nobody", "guess"), (inactive.username, PASSWORD))
    }
    assert answers["clara"] == answers["nobody"] == answers["irene"]


@pytest.mark.parametrize(("password", "hashes"), [("guess", 1), ("gu\u00e9ss", 2), ("gu\u00e9sse\u0301", 3)])
def test_unknown_names_cost_the_same_work_as_known_ones(
    password: str, hashes: int, clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_user("irene", password=PASSWORD, is_active=False)
    work: list[tuple[int, int, int]] = []
    real_hash, real_verify = argon2.low_level.hash_secret, argon2.low_level.verify_secret

    def hash_secret(*args: Any, **options: Any) -> bytes:
        work.append((options["time_cost"], options["memory_cost"], options["parallelism"]))
        return real_hash(*args, **options)

    def verify_secret(encoded: bytes, *args: Any, **options: Any) -> bool:
        found = argon2.extract_parameters(encoded.decode())
        work.append((found.time_cost, found.memory_cost, found.parallelism))
        return real_verify(encoded, *args, **options)

    monkeypatch.setattr("argon2.low_level.hash_secret", hash_secret)
    monkeypatch.setattr("argon2.low_level.verify_secret", verify_secret)
    monkeypatch.setattr("argon2._password_hasher.verify_secret", verify_secret)
    spent = {}
    for name in ("clara", "nobody", "irene"):
        work.clear()
        assert sign_in(name, password).status_code == 401
        spent[name] = list(work)
    assert len(spent["clara"]) == hashes
    assert spent["clara"] == spent["nobody"] == spent["irene"]


def test_what_the_client_says_of_its_address_is_not_believed(clara: User) -> None:
    for number in range(PAIR):
        APIClient(REMOTE_ADDR="203.0.113.1").post(
            TOKEN,
            {"username": "clara", "password": "guess"},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
    assert sign_in("clara", PASSWORD).status_code == 429


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(clara: User, settings: Any) -> None:
    settings.PROXIES = 1

    def through_proxy(forwarded: str, password: str = "guess") -> int:
        client = APIClient(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
        return client.post(TOKEN, {"username": "clara", "password": password}).status_code

    for number in range(PAIR):
        through_proxy(f"192.0.2.{number}, 203.0.113.1")
    assert through_proxy("192.0.2.200, 203.0.113.1", PASSWORD) == 429
    assert through_proxy("203.0.113.1, 203.0.113.2", PASSWORD) == 200


def test_counts_are_in_the_shared_cache_and_name_nobody(clara: User) -> None:
    sign_in("clara")
    stored = list(cache._cache)  # type: ignore[attr-defined]
    assert len([key for key in stored if "sign-in-" in key]) == 3
    assert not [key for key in stored if "clara" in key or "203.0" in key]


def _count(folder: str) -> None:
    counts = CountingFileCache(folder, {})
    for _ in range(50):
        if not counts.add("guesses", 1):
            counts.incr("guesses")


def _count_up(folder: str) -> None:
    counts = CountingFileCache(folder, {})
    for _ in range(50):
        counts.count_up("guesses", 60)


@pytest.mark.parametrize("count", [_count, _count_up])
def test_processes_that_count_in_one_folder_lose_nothing(tmp_path: Path, count: Any) -> None:
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(count, [str(tmp_path)] * 4))
    counts = CountingFileCache(str(tmp_path), {})
    assert counts.get("guesses") == 200
    assert counts.count_up("guesses", -1) == 201  # forgotten at once
    assert counts.count_up("guesses", 60) == 1
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock"] == [".djcache"]
