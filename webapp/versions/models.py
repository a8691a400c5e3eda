"""Shadows and canaries, the calls that a canary is judged by, and versions that were withdrawn."""

from __future__ import annotations

from datetime import datetime

from bson import ObjectId
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock


class Kind(models.TextChoices):
    """How a version is tried beside the one that answers by default."""

    SHADOW = "shadow", "Shadow: answers copies, and nobody sees it"
    CANARY = "canary", "Canary: answers a share of the patients"


class State(models.TextChoices):
    """What became of a trial."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    BREACHED = "breached", "Stopped by a guardrail"
    PROMOTED = "promoted", "Promoted: it answers by default"


class RolloutQuerySet(models.QuerySet["Rollout"]):
    """Where queries for trials of versions start."""

    def running(self, kind: Kind, name: str) -> Rollout | None:
        """The trial of this kind that runs for a model; None without one."""
        return self.filter(active=active_key(kind, name)).first()

    def trying(self, name: str, version: str) -> Rollout | None:
        """A trial of this version that runs; None without one."""
        return self.filter(active__isnull=False, model_name=name, version=version).first()


WATCHED = ("guarded_s", "watched_at", "absent_since", "missing", "figures", "cursor")
"""The fields that each look at a trial changes."""


@audited("rollout", apart=WATCHED)
class Rollout(models.Model):
    """A trial of a version in shadow or as canary; the one that runs, or an earlier one.

    Its document is the whole state: each step is one update of it, so that a crash leaves the state before or after.
    """

    kind = models.CharField(max_length=8, choices=Kind.choices)
    model_name = models.CharField("model", max_length=80)
    version = models.CharField(max_length=80)
    weights_sha256 = models.CharField("weights", max_length=64)
    answering_sha256 = models.CharField(
        "what it answers by",
        max_length=64,
        blank=True,
        help_text="The hash of all that decides its answers: weights, temperature, statistics, rules, and the like; empty for "
        "trials from before it was noted.",
    )
    champion = models.CharField(
        max_length=80, help_text="The version that answered by default when it began."
    )
    champion_sha256 = models.CharField("champion's weights", max_length=64)
    percent = models.FloatField(
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Of the patients that a canary answers, or of the scans that a shadow does.",
    )
    stages = models.JSONField(
        default=list, blank=True, help_text="The percentages that come next by themselves, in their order."
    )
    every_s = models.PositiveIntegerField(
        default=0,
        help_text="Guarded seconds that each percentage lasts, in which no guardrail was in doubt at the end.",
    )
    web_app_only = models.BooleanField(
        default=False, help_text="Whether direct callers are all answered by the champion."
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    active = models.CharField(
        max_length=100, null=True, unique=True, help_text="Kind and model while it runs; null afterwards."
    )
    revision = models.PositiveIntegerField(default=0, help_text="How often it was changed.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it ended, or the last change.")
    guardrail = models.CharField(max_length=40, blank=True, help_text="The one that was breached.")
    started = models.DateTimeField(default=clock.now)
    ended = models.DateTimeField(null=True)
    started_by_id: ObjectId | None
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="Nobody: on the command line; the audit names who.",
    )

    guarded_s = models.FloatField(
        default=0, help_text="Seconds at this percentage during which it was watched."
    )
    watched_at = models.DateTimeField(null=True, help_text="When it was looked at last.")
    absent_since = models.DateTimeField(
        null=True, help_text="Since when the model server has not served its version; null while it does."
    )
    missing = models.JSONField(
        default=list, help_text="What keeps it from the next percentage, as sentences."
    )
    figures = models.JSONField(default=list, help_text="What the guardrails found at the last look.")
    cursor = models.CharField(
        max_length=24, blank=True, help_text="Of a shadow: the prediction up to which all are answered."
    )

    objects = RolloutQuerySet.as_manager()

    class Meta:
        ordering = ("-started",)
        verbose_name = "trial of a version"
        verbose_name_plural = "trials of versions"
        indexes = (
            # A unique index is a partial one, which MongoDB doesn't search by.
            models.Index(fields=["active"], name="rollout_running"),
            models.Index(fields=["model_name", "-started"], name="rollout_of_model"),
        )

    def __str__(self) -> str:
        return f"{self.model_name} {self.version} as {self.kind}"

    @property
    def end_first(self) -> str:
        """The sentence for whoever would retire its version while it runs."""
        return (
            f"{self} is tried at the moment; end that first: "
            f"./retinote models {self.kind} {self.model_name} {self.version} --stop"
        )


class Call(models.Model):
    """A call of the web app to the model server while a canary runs. It is kept for a week."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="calls", db_index=False)
    version = models.CharField(max_length=80, help_text="That was asked.")
    failure = models.CharField(max_length=80, blank=True, help_text="Why it has not answered; empty: it has.")
    ms = models.FloatField(help_text="Until the answer, or the failure, came, in milliseconds.")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = (models.Index(fields=["rollout", "version", "at"], name="call_of_version"),)

    def __str__(self) -> str:
        return f"{self.version}: {self.failure or 'answered'} in {self.ms:.0f} ms"


class Withdrawn(models.TextChoices):
    """Why a version was withdrawn."""

    ROLLBACK = "rollback", "Rolled back"
    GUARDRAIL = "guardrail", "Stopped as canary by a guardrail"


class WithdrawalQuerySet(models.QuerySet["Withdrawal"]):
    """Where queries for withdrawn versions start."""

    def standing(self) -> WithdrawalQuerySet:
        """The withdrawals that hold: of versions that were not promoted since."""
        return self.filter(active__isnull=False)

    def to_predict_again(self) -> WithdrawalQuerySet:
        """Those whose scans are being predicted again."""
        return self.filter(wanted_at__isnull=False, repredicted_at=None)


REPREDICTING = ("claimed_until", "cursor", "repredicted", "refused", "repredicted_at")
"""The fields that predicting again changes."""


@audited("withdrawal", apart=REPREDICTING)
class Withdrawal(models.Model):
    """A version that was withdrawn after it had answered. What it said is marked by this document alone.

    So a rollback marks a million scans in one step. It holds until the same weights are promoted again.
    """

    model_name = models.CharField("model", max_length=80)
    version = models.CharField(max_length=80)
    weights_sha256 = models.CharField("weights", max_length=64)
    active = models.CharField(max_length=64, null=True, unique=True, help_text="The weights while it holds.")
    why = models.CharField(max_length=9, choices=Withdrawn.choices)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, help_text="When it was promoted again.")

    wanted_at = models.DateTimeField(null=True, help_text="When predicting its scans again was asked for.")
    cursor = models.CharField(max_length=24, blank=True, help_text="The scan up to which that is done.")
    claimed_until: models.DateTimeField[datetime, datetime] = models.DateTimeField(default=clock.now)
    repredicted = models.PositiveIntegerField(default=0, help_text="Scans that another version has answered.")
    refused = models.PositiveIntegerField(
        default=0, help_text="Scans that could not be predicted again: their image is gone, or refused."
    )
    repredicted_at = models.DateTimeField(null=True, help_text="When the last of them was done.")

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        ordering = ("-at",)
        verbose_name = "withdrawn version"

    def __str__(self) -> str:
        return f"{self.model_name} {self.version}, withdrawn {self.at:%Y-%m-%d %H:%M} UTC"


def active_key(kind: Kind, name: str) -> str:
    """What `active` is while a trial of this kind runs for a model."""
    return f"{kind.value} {name}"
