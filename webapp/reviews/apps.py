"""The reviews app."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """What readers say of a prediction."""

    name = "webapp.reviews"
    verbose_name = "Reviews"
