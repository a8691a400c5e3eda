"""The learning app."""

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """What models learn from in this installation: frozen data sets of what readers verified."""

    name = "webapp.learning"
    verbose_name = "Learning"
