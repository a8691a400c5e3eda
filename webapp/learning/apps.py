"""The learning app."""

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """What models learn from in this installation: frozen data sets of what readers verified."""

    name = "webapp.learning"
    verbose_name = "Learning"

    def ready(self) -> None:
        """Ask for a learning run when drift is noticed."""
        from webapp.drift.signals import drifted
        from webapp.learning.triggers import on_drift

        drifted.connect(on_drift)
