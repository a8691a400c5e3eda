"""`python -m django create_user NAME --role ROLE`: behind `./retinote user create`."""

import getpass
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.abilities import Role
from webapp.accounts.models import User
from webapp.audit.recording import by_operator
from webapp.core import modalities


class Command(BaseCommand):
    """Create a user; the password is asked for, or read from standard input when that is no terminal."""

    help = "Create a user. The password is asked for, or read from standard input when that is no terminal."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name, role, clinic, modalities, and whether the user settles scans."""
        parser.add_argument("name")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--clinic", default="", help="clinicians of the same clinic share their scans")
        parser.add_argument(
            "--adjudicator", action="store_true", help="settles scans on which readers disagree"
        )

        parser.add_argument(
            "--modality",
            action="append",
            default=[],
            choices=[each.name for each in modalities.profiles()],
            help="sees and uploads scans of this modality alone; can be given several times (default: all)",
        )

    def handle(
        self,
        *args: Any,
        name: str,
        role: str,
        clinic: str,
        adjudicator: bool = False,
        modality: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """Check name and password, then create the user."""
        user = User(
            username=name, role=role, clinic=clinic, is_adjudicator=adjudicator, modalities=[*modality]
        )
        if User.objects.filter(username=name).exists():
            raise CommandError(f"There is a user {name} already.")
        password = _read_password()
        try:
            user.full_clean(exclude=["password"])
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user.set_password(password)
        with by_operator():
            user.save()
        self.stdout.write(f"Created {role} {name}{', an adjudicator' if adjudicator else ''}.")


def _read_password() -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().removeprefix("\ufeff").rstrip("\r\n")  # as Windows pipes it, too
        if not password:
            raise CommandError("No password on standard input.")
        return password
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("The same again: "):
        raise CommandError("The two passwords differ.")
    return password
