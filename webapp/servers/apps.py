"""The servers app."""

from django.apps import AppConfig


class ServersConfig(AppConfig):
    """The model servers on a shared store, and the decisions about the versions in it."""

    name = "webapp.servers"
    verbose_name = "Model servers"
