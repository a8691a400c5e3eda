"""The pacs app."""

from django.apps import AppConfig


class PacsConfig(AppConfig):
    """What goes back to a PACS or a health record."""

    name = "webapp.pacs"
    verbose_name = "Results sent"

    def ready(self) -> None:
        """Send what answers and verdicts bring."""
        from webapp.pacs.queue import on_outcome
        from webapp.scans.outcomes import listen

        listen(on_outcome)
