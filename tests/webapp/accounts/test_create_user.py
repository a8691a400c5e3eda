"""The command behind `./retinote user create`."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User


def create(monkeypatch: pytest.MonkeyPatch, password: str, *arguments: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    call_command("create_user", *arguments, stdout=io.StringIO())


@pytest.mark.django_db
def test_a_user_is_created_with_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "green-otter-42-x", "dora", "--role", "administrator")
    user = User.objects.get(username="dora")
    assert user.check_password("green-otter-42-x")
    assert user.may(Ability.MANAGE) and user.is_staff and user.is_superuser


@pytest.mark.django_db
def test_a_user_may_work_with_some_modalities_alone(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.MODELS = []
    create(monkeypatch, "green-otter-42-x", "dora", "--role", "clinician", "--modality", "chest-xray")
    assert User.objects.get(username="dora").modalities == ["chest-xray"]
    with pytest.raises(CommandError, match="brain-mri"):
        create(monkeypatch, "green-otter-42-x", "dan", "--role", "clinician", "--modality", "brain-mri")


@pytest.mark.django_db
def test_a_name_may_be_written_in_any_normal_form(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "green-otter-42-x", "jose\u0301", "--role", "clinician", "--clinic", "Su\u0308d")
    user = User.objects.get()
    assert (user.username, user.clinic) == ("jos\u00e9", "S\u00fcd")


@pytest.mark.django_db
@pytest.mark.parametrize("piped", ["green-otter-42-x\r", "\ufeffgreen-otter-42-x\r", "green-otter-42-x"])
def test_a_password_may_be_piped_from_windows(monkeypatch: pytest.MonkeyPatch, piped: str) -> None:
    create(monkeypatch, piped, "dora", "--role", "clinician")
    assert User.objects.get().check_password("green-otter-42-x")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("password", "name", "expected"),
    [
        ("short", "dora", "too short"),
        ("password123", "dora", "common"),
        ("", "dora", "No password"),
        ("fine-otter-42", "a b", "valid username"),
    ],
)
def test_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, password: str, name: str, expected: str
) -> None:
    with pytest.raises(CommandError, match=expected):
        create(monkeypatch, password, name, "--role", "clinician")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "green-otter-42-x", "dora", "--role", "clinician")
    with pytest.raises(CommandError, match="a user dora already"):
        create(monkeypatch, "green-otter-42-x", "dora", "--role", "clinician")


def test_losing_the_role_loses_the_admin(administrator: User) -> None:
    administrator.role = "researcher"
    administrator.save()
    administrator.refresh_from_db()
    assert not administrator.is_staff and not administrator.is_superuser
