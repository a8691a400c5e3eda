"""Whose a scan is when it comes in: a user's, or a clinic's to which a device or PACS sent it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import circle_of
from webapp.audit.recording import Actor
from webapp.scans.models import Scan
from webapp.versions.choosing import subject_of


@dataclass(frozen=True)
class Owner:
    """Who brought a scan in. Without a user it is what `sender` sent to the clinic, the first of it at `received`."""

    clinic: str
    user: User | None = None
    sender: str = ""
    received: datetime | None = None

    @property
    def actor(self) -> Actor:
        """Who the audit names."""
        return self.user or f"sender:{self.sender}"

    @property
    def circle(self) -> str:
        """Within what a patient has one pseudonym: the clinic, or a user without one."""
        return circle_of(self.clinic, self.user.pk if self.user else None)

    def subject(self, said: Mapping[str, object], sha256: str) -> str:
        """Whom a new file is of, for the choice of a version, by what people or the file say of it."""
        return subject_of(self.circle, str(said.get("patient_ref") or ""), sha256)


def owned_by(user: User) -> Owner:
    """A user's own, in their present clinic."""
    return Owner(user.clinic, user)


Also = Callable[[Scan], None]
"""What is to be written in the same transaction as new scans; it is given the one that stands for them."""


def nothing(scan: Scan) -> None:
    """Write nothing else."""
