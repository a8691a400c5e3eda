"""A learning run: from verified scans to a candidate that the gate has judged."""

from __future__ import annotations

from datetime import timedelta

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.core import clock

SILENT_S = 60.0
"""A run whose process says nothing for so long was interrupted."""


class RunState(models.TextChoices):
    """How far a run is."""

    WAITING = "waiting", "Waiting for the trainer"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"


OPEN = (RunState.WAITING, RunState.RUNNING, RunState.STOPPING)
RESUMABLE = (RunState.STOPPED, RunState.FAILED)


class LearningRun(models.Model):
    """One run. Its files lie in `DATA/learning/runs/<name>/`; the document says who asked for it and how it went."""

    name = models.CharField(max_length=40, unique=True, help_text="The day and a number.")
    model_name = models.CharField("model", max_length=80)
    from_version = models.CharField("from", max_length=80, blank=True, help_text="The version that answered.")
    from_weights_sha256 = models.CharField("weights before", max_length=64, blank=True)
    version = models.CharField("candidate", max_length=80, blank=True)
    weights_sha256 = models.CharField("weights", max_length=64, blank=True)
    data_set_id: ObjectId | None
    data_set = models.ForeignKey(
        "learning.DataSet", on_delete=models.PROTECT, related_name="runs", null=True, verbose_name="data set"
    )
    options = models.JSONField(default=dict, help_text="Seed, threads, processes, and folders to replay.")
    reason = models.CharField(
        max_length=200, help_text="By hand, by the schedule, by new labels, or by a drift alarm."
    )
    asked_by_id: ObjectId | None
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="Nobody: on the command line or by itself; the audit names who.",
    )
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.WAITING)
    is_open = models.BooleanField(
        default=True, help_text="Whether it holds the trainer: one run at a time does."
    )
    steps = models.JSONField(default=list, help_text="Each step with its state, times and result.")
    epochs = models.JSONField(default=list, help_text="Metrics of each epoch.")
    percent = models.PositiveIntegerField(default=0)
    gate = models.JSONField(default=dict, help_text="What the gate said.")
    tracking = models.JSONField(default=dict, help_text="Where it stands in MLflow, or why it doesn't.")
    problem = models.TextField(blank=True, help_text="Why it failed.")
    worker = models.CharField(max_length=120, blank=True, help_text="The process that does it.")
    asked_at = models.DateTimeField("asked", default=clock.now)
    started_at = models.DateTimeField("started", null=True)
    heard_at = models.DateTimeField("last heard of", null=True)
    ended_at = models.DateTimeField("ended", null=True)

    class Meta:
        ordering = ("-asked_at",)
        verbose_name = "learning run"
        constraints = (
            models.UniqueConstraint(
                fields=["is_open"], condition=models.Q(is_open=True), name="one_open_learning_run"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_silent(self) -> bool:
        """Whether its process, which should be at work, has said nothing for too long."""
        return self.state in (RunState.RUNNING, RunState.STOPPING) and (
            self.heard_at is None or clock.now() - self.heard_at > timedelta(seconds=SILENT_S)
        )

    @property
    def says(self) -> str:
        """The state in words."""
        return "Interrupted" if self.is_silent else str(RunState(self.state).label)
