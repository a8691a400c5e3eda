"""The gateway app."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Which services may call the model server directly."""

    name = "webapp.gateway"
    verbose_name = "Direct inference"
