"""A model without a table: it gives the model server's versions a page in the administration."""

from django.db import models


class RegisteredVersion(models.Model):
    """A version of the model that is registered with the model server."""

    class Meta:
        managed = False
        verbose_name = "registered model version"

    def __str__(self) -> str:
        return "registered model version"
