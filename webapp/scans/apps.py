"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    """Uploaded B-scans and their predictions."""

    name = "webapp.scans"
    verbose_name = "Scans"

    def ready(self) -> None:
        """Let the audit hold scans to their predictions, and Prometheus read the queue."""
        from webapp.scans import following, gauges  # noqa: F401
