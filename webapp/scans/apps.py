"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    """Uploaded B-scans and their predictions."""

    name = "webapp.scans"
    verbose_name = "Scans"

    def ready(self) -> None:
        """Register the audit's checks of scans against their predictions, and the metrics of the queue."""
        from webapp.scans import audit_checks, gauges  # noqa: F401
