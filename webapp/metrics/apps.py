"""The metrics app. It counts failed sign-ins, which happen outside of our views."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_login_failed

from webapp.metrics import instruments


def _count_failure(**_: Any) -> None:
    # Without the name: it may belong to a person, or be a password in the wrong field.
    instruments.SIGN_IN_FAILURES.inc()


class MetricsConfig(AppConfig):
    """The metrics for Prometheus."""

    name = "webapp.metrics"

    def ready(self) -> None:
        """Listen for failed sign-ins, in the API and in the admin."""
        user_login_failed.connect(_count_failure, dispatch_uid="retinote_sign_in_failures")
