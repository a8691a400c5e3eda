"""The pacs app."""

from django.apps import AppConfig


class PacsConfig(AppConfig):
    """What goes back to a PACS or a health record."""

    name = "webapp.pacs"
    verbose_name = "Results sent"

    def ready(self) -> None:
        """Send what answers, verdicts and corrections bring, and register the metrics of that queue."""
        from webapp.pacs import gauges  # noqa: F401
        from webapp.pacs.queue import on_outcome
        from webapp.scans.outcomes import listen

        listen(on_outcome)
