"""The reviews app."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """What readers say of a prediction."""

    name = "webapp.reviews"
    verbose_name = "Reviews"

    def ready(self) -> None:
        """Let the audit hold scans to their verdicts."""
        from webapp.reviews import following  # noqa: F401
