"""The recommendations app. It has no tables, but files that are checked before anything starts."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from webapp.recommendations.guideline import FOLDER, GuidelineError, read


class RecommendationsConfig(AppConfig):
    """Next steps for what the models see."""

    name = "webapp.recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        """Check the files with Django's system checks."""
        register(check_files)


def check_files(folder: Path = FOLDER, **options: Any) -> list[CheckMessage]:
    """An error for each recommendation file that can't be used."""
    errors: list[CheckMessage] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            read(path)
        except GuidelineError as error:
            errors.append(Error(str(error), id="recommendations.E001"))
    return errors
