"""The accounts app."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out


class AccountsConfig(AppConfig):
    """Users, their roles and their sign-ins."""

    name = "webapp.accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """End the page's sign-in with the administration's."""
        from webapp.accounts.tokens import revoke_page

        user_logged_out.connect(revoke_page, dispatch_uid="accounts")
