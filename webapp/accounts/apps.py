"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, their roles and their sign-ins."""

    name = "webapp.accounts"
    verbose_name = "Accounts"
