"""The inference app."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model server, seen from the web app."""

    name = "webapp.inference"
    verbose_name = "Model server"

    def ready(self) -> None:
        """Have a wrong name in the settings stop the start, not the first upload."""
        from webapp.inference.model_server import maker

        maker()
