"""The drift app."""

from django.apps import AppConfig


class DriftConfig(AppConfig):
    """Whether the scans of a clinic and device are still like those before, and like those that the model knows."""

    name = "webapp.drift"
    verbose_name = "Drift"

    def ready(self) -> None:
        """Register the gauges."""
        from webapp.drift import gauges  # noqa: F401
