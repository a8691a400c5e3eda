"""A place in the admin for what the model server knows; nothing of it is stored here."""

from django.db import models


class RegisteredVersion(models.Model):
    """A version of the model that is registered with the model server."""

    class Meta:
        managed = False
        verbose_name = "registered model version"

    def __str__(self) -> str:
        return "registered model version"
