"""The reviews app."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """What readers say of a prediction."""

    name = "webapp.reviews"
    verbose_name = "Reviews"

    def ready(self) -> None:
        """Register the audit's checks of scans against their verdicts."""
        from webapp.reviews import audit_checks  # noqa: F401
