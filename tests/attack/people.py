"""The people who send requests in these tests: one of each kind."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.accounts.abilities import Role
from webapp.accounts.models import User


@dataclass(frozen=True)
class People:
    """Who asks. `owner` uploaded what is asked for; `colleague` and `adjudicator` are of the same clinic."""

    owner: User
    colleague: User
    stranger: User
    adjudicator: User
    researcher: User
    administrator: User
    nobody: None = None

    @classmethod
    def make(cls) -> People:
        """All of them, in the database."""

        def user(name: str, role: str, clinic: str = "", is_adjudicator: bool = False) -> User:
            # No password: hashing one takes longer than all that is tried with it.
            return User.objects.create(
                username=name, password="!", role=role, clinic=clinic, is_adjudicator=is_adjudicator
            )

        return cls(
            owner=user("olga-owner", Role.CLINICIAN, "east"),
            colleague=user("colin-colleague", Role.CLINICIAN, "east"),
            stranger=user("stella-stranger", Role.CLINICIAN, "west"),
            adjudicator=user("ada-adjudicator", Role.CLINICIAN, "east", is_adjudicator=True),
            researcher=user("rita-researcher", Role.RESEARCHER),
            administrator=user("anna-administrator", Role.ADMINISTRATOR),
        )

    def by_role(self) -> dict[str, User | None]:
        """All of them by their name here, in the order of the table of expectations."""
        names = ("nobody", "owner", "colleague", "stranger", "adjudicator", "researcher", "administrator")
        return {name: getattr(self, name) for name in names}
