"""The annotations app."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    """What people draw on scans."""

    name = "webapp.annotations"
    verbose_name = "Annotations"
