"""The versions app."""

from django.apps import AppConfig


class VersionsConfig(AppConfig):
    """Which version of the model answers whom, and which were withdrawn."""

    name = "webapp.versions"
    verbose_name = "Model versions"

    def ready(self) -> None:
        """Hear of what `./retinote models` has changed."""
        from webapp.audit.model_changes import listen
        from webapp.versions.withdrawals import on_model_change

        listen(on_model_change)
