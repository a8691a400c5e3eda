"""The calibration app."""

from django.apps import AppConfig


class CalibrationConfig(AppConfig):
    """What this installation has fitted to its own scans."""

    name = "webapp.calibration"
    verbose_name = "Local calibration"

    def ready(self) -> None:
        """Hear of what `./retinote models` has changed."""
        from webapp.audit.model_changes import listen
        from webapp.calibration.following import on_model_change

        listen(on_model_change)
