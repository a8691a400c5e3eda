"""The rollouts app."""

from django.apps import AppConfig


class RolloutsConfig(AppConfig):
    """Tries versions in shadow and as canary, watches over them, and predicts a withdrawn one's scans again."""

    name = "webapp.rollouts"
    verbose_name = "Rollouts"

    def ready(self) -> None:
        """Read the guardrails now, so that a broken file stops the start, register the gauges, and hear of rollbacks."""
        from webapp.audit.model_changes import listen
        from webapp.rollouts import gauges  # noqa: F401
        from webapp.rollouts.following import on_model_change
        from webapp.rollouts.guardrails import guardrails

        guardrails()
        listen(on_model_change)
