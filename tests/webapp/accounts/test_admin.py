"""Users and their sign-ins in the administration."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.webapp.conftest import PASSWORD, Upload
from webapp.accounts import tokens
from webapp.accounts.abilities import Role
from webapp.accounts.models import RefreshSession, User


def test_an_administrator_makes_and_changes_users(db: None, browser: Client) -> None:
    added = {"username": "newt", "usable_password": "true", "role": "clinician", "clinic": "east"}
    answer = browser.post(
        "/admin/accounts/user/add/", {**added, "password1": PASSWORD, "password2": PASSWORD}
    )
    assert answer.status_code == 302
    user = User.objects.get(username="newt")
    assert (user.clinic, user.is_staff, user.check_password(PASSWORD)) == ("east", False, True)
    changed = {"username": "newt", "is_active": "on", "role": "administrator", "clinic": "east"}
    assert browser.post(f"/admin/accounts/user/{user.pk}/change/", changed).status_code == 302
    user.refresh_from_db()
    assert (user.role, user.is_staff, user.check_password(PASSWORD)) == (Role.ADMINISTRATOR, True, True)


def test_an_administrator_binds_a_user_to_modalities(clinician: User, browser: Client, settings: Any) -> None:
    settings.MODELS = []
    path = f"/admin/accounts/user/{clinician.pk}/change/"
    form = {"username": "clara", "is_active": "on", "role": "clinician", "clinic": "east"}
    assert "Chest X-ray" in browser.get(path).content.decode()
    for chosen in (["chest-xray"], ["oct", "chest-xray"], []):
        assert browser.post(path, {**form, "modalities": chosen}).status_code == 302
        clinician.refresh_from_db()
        assert clinician.modalities == chosen
    assert browser.post(path, {**form, "modalities": ["brain-mri"]}).status_code == 200  # refused by the form


def test_a_new_password_ends_earlier_sign_ins(clinician: User, browser: Client) -> None:
    pair = tokens.issue(clinician)
    new = {"password1": "another-staple-17", "password2": "another-staple-17", "usable_password": "true"}
    answer = browser.post(f"/admin/accounts/user/{clinician.pk}/password/", new)
    assert answer.status_code == 302
    clinician.refresh_from_db()
    assert clinician.check_password("another-staple-17")
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(pair.refresh)


def test_sign_ins_are_revoked_not_edited(clinician: User, colleague: User, browser: Client) -> None:
    pair, other = tokens.issue(clinician), tokens.issue(colleague)
    session = RefreshSession.objects.get(user=clinician)
    path = "/admin/accounts/refreshsession/"
    for page in ("add/", f"{session.pk}/delete/"):
        assert browser.get(path + page).status_code == 403
    answer = browser.post(path, {"action": "revoke", "_selected_action": [str(session.pk)]})
    assert answer.status_code == 302
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(pair.refresh)
    assert tokens.rotate(other.refresh)


def test_users_sign_ins_are_all_ended_at_once(clinician: User, browser: Client) -> None:
    pairs = [tokens.issue(clinician) for _ in range(2)]
    chosen = {"action": "sign_out_everywhere", "_selected_action": [str(clinician.pk)]}
    assert browser.post("/admin/accounts/user/", chosen).status_code == 302
    for pair in pairs:
        with pytest.raises(tokens.TokenRefused):
            tokens.rotate(pair.refresh)


def test_a_user_with_sign_ins_can_be_deleted_one_with_scans_not(
    away: None, clinician: User, colleague: User, upload: Upload, browser: Client
) -> None:
    upload(clinician)
    tokens.issue(colleague)
    browser.post(f"/admin/accounts/user/{colleague.pk}/delete/", {"post": "yes"})
    browser.post(f"/admin/accounts/user/{clinician.pk}/delete/", {"post": "yes"})
    assert set(User.objects.values_list("username", flat=True)) == {"clara", "anna"}
