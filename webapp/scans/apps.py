"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    """Uploaded B-scans and their predictions."""

    name = "webapp.scans"
    verbose_name = "Scans"
