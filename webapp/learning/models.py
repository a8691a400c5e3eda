"""The data sets that this installation froze, each with what it holds and by which rules it was made."""

from __future__ import annotations

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock
from webapp.learning.run_document import LearningRun

__all__ = ["DataSet", "DataSetQuerySet", "LearningRun", "PatientSide", "PictureSide", "Side"]


class DataSetQuerySet(models.QuerySet["DataSet"]):
    """Where queries for data sets start."""

    def newest_of(self, model_name: str) -> DataSet | None:
        """The newest data set for the model; None without one."""
        return self.filter(model_name=model_name).order_by("-number").first()


@audited("data_set")
class DataSet(models.Model):
    """A frozen data set. Its files lie in `DATA/learning/data-sets/<number>/`; neither they nor it are changed.

    Records of the audit and the cards of models name it by its hash, and people by its number.
    """

    number = models.PositiveIntegerField(unique=True, help_text="From 1 on; its folder's name.")
    model_name = models.CharField("model", max_length=80, help_text="The model that may learn from it.")
    sha256 = models.CharField(
        max_length=64, help_text="Of all that it holds: the manifest's rows and every file's hash."
    )
    held_out_sha256 = models.CharField(
        "test set", max_length=64, help_text="Of the installation's own test set, as far as it is in here."
    )
    counts = models.JSONField(
        default=dict,
        help_text="Scans, patients, scans by label and split, masks, and what was left out by reason.",
    )
    rules = models.JSONField(
        default=dict,
        help_text="By which rules labels were settled, patients were held out and pictures left out.",
    )
    made_at = models.DateTimeField("made", default=clock.now)
    made_by_id: ObjectId | None
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="Nobody: on the command line or by the schedule; the audit names who.",
    )

    objects = DataSetQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        verbose_name = "data set"
        indexes = (models.Index(fields=["model_name", "-number"], name="data_set_of_model"),)

    def __str__(self) -> str:
        return f"data set {self.number}"


class Side(models.TextChoices):
    """Where a patient's scans belong, for good."""

    TEST = "test", "In the installation's own test set, which no training ever sees"
    LEARN = "learn", "Learnt from"


class PatientSide(models.Model):
    """On which side a patient was put. It is decided once, whatever labels the patient's scans have later."""

    patient = models.CharField(max_length=80, unique=True, help_text="The pseudonym that exports have, too.")
    side = models.CharField(max_length=5, choices=Side.choices)
    stratum = models.CharField(max_length=80, help_text="The patient's rarest label at that time.")
    data_set = models.PositiveIntegerField(help_text="Number of the data set for which it was decided.")
    decided_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("pk",)
        verbose_name = "decided patient"

    def __str__(self) -> str:
        return f"{self.patient}: {self.side}"


class PictureSide(models.Model):
    """On which side a picture was, by its hashes: so it is known again under another name, patient or format."""

    pixels_sha256 = models.CharField(max_length=64, unique=True)
    perceptual_hash = models.CharField(max_length=64, blank=True, help_text="Empty for a flat picture.")
    side = models.CharField(max_length=5, choices=Side.choices)
    data_set = models.PositiveIntegerField(help_text="Number of the first data set with it.")

    class Meta:
        ordering = ("pk",)
        verbose_name = "decided picture"

    def __str__(self) -> str:
        return f"{self.pixels_sha256}: {self.side}"


class ExportRequestQuerySet(models.QuerySet["ExportRequest"]):
    """Where queries for requests start."""

    def waiting(self) -> ExportRequest | None:
        """The oldest one that is not done, whether or not a worker is at it."""
        return self.filter(done_at=None).order_by("asked_at", "pk").first()


class ExportRequest(models.Model):
    """A data set that somebody asked for on a page, for the worker to make."""

    rules = models.JSONField(default=dict)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    claimed_until = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)
    number = models.PositiveIntegerField(null=True, help_text="Of its data set; null where none was made.")
    said = models.TextField(blank=True, help_text="What the data set holds, or why none was made.")

    objects = ExportRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-asked_at",)
        verbose_name = "asked-for data set"
        indexes = (models.Index(fields=["done_at", "asked_at"], name="asked_first"),)

    def __str__(self) -> str:
        return f"data set asked for at {self.asked_at:%Y-%m-%d %H:%M}"
