"""The recommendations app. It has no tables, but files that are checked before anything starts."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from modalities.profile import PROFILE_NAME
from modalities.reading import problems
from webapp.core import modalities


class RecommendationsConfig(AppConfig):
    """Next steps for what the models see."""

    name = "webapp.recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        """Check the files with Django's system checks."""
        register(check_modalities, "modalities")


def check_modalities(more: Path | None = None, **options: Any) -> list[CheckMessage]:
    """An error for each modality that can't be used, guidelines included; `more` is a folder of further ones."""
    unusable = [Error(problem, id="modalities.E001") for problem in problems(more or settings.MODALITIES)]
    return [*unusable] or [
        Error(
            f"{each.folder / PROFILE_NAME}: model: there is no model {each.model} in the stores. Import one (./retinote "
            "models import), or leave it out (./retinote up --models).",
            id="modalities.E002",
        )
        for each in modalities.without_model()
    ]
