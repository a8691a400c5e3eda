"""The gates app."""

from django.apps import AppConfig


class GatesConfig(AppConfig):
    """What a new version of the model would change for the scans that are stored, and whether it has passed its gate."""

    name = "webapp.gates"
    verbose_name = "Gates of model versions"

    def ready(self) -> None:
        """Show gates and overrides on the versions' pages."""
        from webapp.gates import evidence

        evidence.register()
