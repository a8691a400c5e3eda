"""The receiver app."""

from django.apps import AppConfig


class ReceiverConfig(AppConfig):
    """What devices and a PACS send."""

    name = "webapp.receiver"
    verbose_name = "DICOM receiver"

    def ready(self) -> None:
        """Say which stored files are instances, and delete them with their documents."""
        from webapp.receiver import files  # noqa: F401
