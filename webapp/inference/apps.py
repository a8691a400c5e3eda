"""The inference app."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The web app's clients of the model server."""

    name = "webapp.inference"
    verbose_name = "Model server"

    def ready(self) -> None:
        """Check the name in the settings now, so that a wrong one stops the start and not the first upload."""
        from webapp.inference.model_server import client_factory

        client_factory()
