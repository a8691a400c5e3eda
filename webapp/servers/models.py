"""A model without a table: it gives the model servers a page in the administration."""

from django.db import models


class ModelServer(models.Model):
    """A model server on the shared store."""

    class Meta:
        managed = False
        verbose_name = "model server"

    def __str__(self) -> str:
        return "model server"
