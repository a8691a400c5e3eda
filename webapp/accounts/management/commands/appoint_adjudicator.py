"""`python -m django appoint_adjudicator NAME`: behind `./retinote user appoint` and `user dismiss`."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.models import User
from webapp.audit.recording import by_operator


class Command(BaseCommand):
    """Appoint or dismiss an adjudicator, who settles scans on which readers disagree."""

    help = "Make a user an adjudicator, who settles scans on which readers disagree."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The user's name, and whether to dismiss."""
        parser.add_argument("name")
        parser.add_argument(
            "--dismiss", action="store_true", help="end it; what the user settled stays settled"
        )

    def handle(self, *args: Any, name: str, dismiss: bool = False, **options: Any) -> None:
        """Change the account, with an audit record of who did it."""
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        if user.is_adjudicator is not dismiss:
            self.stdout.write(f"{name} is {'no' if dismiss else 'an'} adjudicator already.")
            return
        try:
            with by_operator():
                user.appoint(not dismiss)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{name} is {'no adjudicator any more' if dismiss else 'an adjudicator now'}.")
