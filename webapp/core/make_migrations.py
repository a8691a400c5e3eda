"""`python -m webapp.core.make_migrations [APP ...]`: writes the migrations that changed models need, without a database."""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command
from django.db import connections

DUMMY = "django.db.backends.dummy"


def main(apps: list[str]) -> None:
    """Write the migrations of these apps, or of all."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    os.environ.setdefault("RETINOTE_SECRET_KEY", "none")  # nothing is signed here
    django.setup()
    # Django would ask the database whether it has had the earlier migrations. What is written follows from them alone.
    connections["default"].settings_dict["ENGINE"] = DUMMY
    call_command("makemigrations", *apps)


if __name__ == "__main__":
    main(sys.argv[1:])
