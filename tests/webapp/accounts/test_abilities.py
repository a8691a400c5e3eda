"""Abilities: what each role may do, and that nothing asks for a role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.webapp.conftest import Clients, make_user
from webapp.accounts.abilities import ABILITIES, Ability, Role, abilities_of
from webapp.accounts.models import User

WEBAPP = Path(__file__).resolve().parents[3] / "webapp"
# The table itself, what names roles for the command line and the administration, and what is made of the API's description.
NAMES_ROLES = {"abilities.py", "models.py", "create_user.py", "serializers.py", "schema.ts"}


def test_every_role_has_its_row() -> None:
    assert set(ABILITIES) == set(Role.values)


def test_a_new_role_is_no_change_of_the_database() -> None:
    """Whoever adds one needs its word and its row in `abilities.py`, and no migration."""
    choices = User._meta.get_field("role").deconstruct()[3]["choices"]
    assert callable(choices) and choices() == Role.choices


@pytest.mark.parametrize(
    ("role", "is_adjudicator", "may", "may_not"),
    [
        ("clinician", False, {Ability.READ, Ability.SEE_PATIENTS}, {Ability.SEE_ALL, Ability.SEE_READINGS}),
        ("clinician", True, {Ability.ADJUDICATE, Ability.SEE_READINGS}, {Ability.MANAGE, Ability.SEE_ALL}),
        ("researcher", True, {Ability.SEE_ALL, Ability.EXPORT}, {Ability.SEE_PATIENTS, Ability.ADJUDICATE}),
        ("administrator", False, set(Ability), set()),
        ("auditor", True, set(), set(Ability)),
        ("", False, set(), set(Ability)),
    ],
)
def test_what_a_role_may_do(
    role: str, is_adjudicator: bool, may: set[Ability], may_not: set[Ability]
) -> None:
    found = abilities_of(role, is_adjudicator)
    assert may <= found and not may_not & found


def test_the_page_is_told_abilities(clinician: User, api: Clients) -> None:
    me = api(clinician).get("/api/v1/auth/me/").json()
    assert me["abilities"] == sorted(clinician.abilities)
    assert "may_see_patients" in me["abilities"] and me["may_adjudicate"] is False


@pytest.mark.parametrize("role", [*Role.values, "auditor"])
def test_only_who_manages_opens_the_administration(db: None, role: str) -> None:
    user = make_user("nora", role)
    assert user.is_staff is user.is_superuser is (role == "administrator")


def test_no_code_asks_for_a_role() -> None:
    roles = "|".join(Role.values)
    asks = re.compile(
        rf"""(?:user|me)\??\.role\b\s*(?:[!=]=|in\b)|[!=]==?\s*["'](?:{roles})["']|\bRole\.[A-Z]"""
    )
    sources = [*WEBAPP.rglob("*.py"), *(WEBAPP.parent / "frontend" / "src").rglob("*.ts*")]
    found = [
        f"{path.relative_to(WEBAPP.parent)}: {line.strip()}"
        for path in sources
        # A migration writes down what held on its day.
        if path.name not in NAMES_ROLES and "migrations" not in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if asks.search(line)
    ]
    assert found == []
