"""The servers app."""

from django.apps import AppConfig


class ServersConfig(AppConfig):
    """The model servers on a shared store, and the decisions about the versions in it."""

    name = "webapp.servers"
    verbose_name = "Model servers"

    def ready(self) -> None:
        """Say where changes are noted, too."""
        from webapp.audit.model_changes import also_from
        from webapp.servers.taking_in import take_in

        also_from(take_in)
