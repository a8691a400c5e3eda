"""The origins app."""

from django.apps import AppConfig


class OriginsConfig(AppConfig):
    """Which DICOM instances scans and volumes came from, for what is sent back."""

    name = "webapp.origins"
    verbose_name = "DICOM origins"
