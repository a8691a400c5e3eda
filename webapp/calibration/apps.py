"""The calibration app."""

from django.apps import AppConfig


class CalibrationConfig(AppConfig):
    """What this installation has fitted to its own scans."""

    name = "webapp.calibration"
    verbose_name = "Local calibration"
