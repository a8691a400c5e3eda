"""The volumes app."""

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register


class VolumesConfig(AppConfig):
    """B-scans that belong together."""

    name = "webapp.volumes"
    verbose_name = "Volumes"

    def ready(self) -> None:
        """Check the rule with Django's system checks, and let the audit hold B-scans to their volume."""
        from webapp.volumes import audit_checks  # noqa: F401

        register(check_rule)


def check_rule(**options: object) -> list[CheckMessage]:
    """An error when the rule can't be used."""
    from webapp.volumes.rule import RuleError, read

    try:
        read()
    except RuleError as error:
        return [Error(str(error), id="volumes.E001")]
    return []
