"""The rollouts app."""

from django.apps import AppConfig


class RolloutsConfig(AppConfig):
    """Tries versions in shadow and as canary, watches over them, and predicts a withdrawn one's scans again."""

    name = "webapp.rollouts"
    verbose_name = "Rollouts"

    def ready(self) -> None:
        """Read the guardrails now, so that a broken file stops the start, and register the gauges."""
        from webapp.rollouts import gauges  # noqa: F401
        from webapp.rollouts.guardrails import guardrails

        guardrails()
