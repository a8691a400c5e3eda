"""The audit app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Who did what, in a chain of records that nobody changes."""

    name = "webapp.audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        """Listen to sign-ins."""
        from webapp.audit import sign_ins

        sign_ins.listen()
