"""The inference app."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model server, seen from the web app."""

    name = "webapp.inference"
    verbose_name = "Model server"
