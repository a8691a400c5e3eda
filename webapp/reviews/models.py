"""A reader's verdict on a scan's prediction."""

from __future__ import annotations

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.core.normal_form import NormalCharField
from webapp.recommendations.answers import Answer, State
from webapp.scans.models import Scan


class Verdict(models.TextChoices):
    """What a reader says of the model's label."""

    AGREE = "agree", "Agree"
    DISAGREE = "disagree", "Disagree"
    UNSURE = "unsure", "Unsure"
    NAMED = "named", "Named a label: the model had not answered"


class Source(models.TextChoices):
    """Who decided whether a reading is blind."""

    SERVER = "server", "The server, which knows what it has shown"
    BROWSER = "browser", "The reader's browser, as in earlier versions"


@audited("review", apart=("current",))
class Review(OfScan):
    """One verdict. A reader's later one on the same scan replaces it as current and overwrites nothing."""

    scan_id: ObjectId
    reader_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="reviews")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    label = NormalCharField(max_length=80, blank=True, help_text="What the reader sees.")
    comment = NormalCharField(max_length=2000, blank=True)
    blind = models.BooleanField(
        default=False, help_text="Given before the reader was shown the model's answer or others' readings."
    )
    # Both are false in documents of earlier versions, so that their hashes in the audit hold.
    blind_by_server = models.BooleanField(
        default=False,
        help_text="Whether the server says whether it is blind; the reader's browser did before.",
    )
    after_others = models.BooleanField(
        default=False, help_text="Given after the reader was shown something of others' readings of the scan."
    )
    current = models.BooleanField(default=True)
    created = models.DateTimeField(default=clock.now)

    # The answer that the reader saw, or would have seen.
    model_label = models.CharField(max_length=80)
    model_name = models.CharField(max_length=80)
    model_version = models.CharField(max_length=80)
    model_state = models.CharField(
        max_length=12, choices=State.choices, blank=True, help_text="How far the model had answered."
    )
    model_set = models.JSONField(default=list, blank=True, help_text="Labels that it could not rule out.")
    model_group = models.CharField(max_length=200, blank=True, help_text="What they have in common.")

    class Meta:
        ordering = ("-created",)
        constraints = (
            models.UniqueConstraint(
                fields=["scan", "reader"], condition=models.Q(current=True), name="one_current_per_reader"
            ),
        )
        indexes = (models.Index(fields=["scan", "-created"], name="review_of_scan"),)

    def __str__(self) -> str:
        return f"{self.verdict} {self.label}".strip()

    @property
    def model_answer(self) -> Answer:
        """The model's answer at the time, as far as it had given one."""
        return Answer(
            self.model_label,
            self.model_state or "",
            labels=tuple(self.model_set or ()),
            group=self.model_group or "",
        )

    @property
    def blind_source(self) -> Source:
        """Who decided whether it is blind."""
        return Source.SERVER if self.blind_by_server else Source.BROWSER

    @property
    def independent(self) -> bool:
        """Whether the reader had been shown nothing of others' readings of the scan before."""
        return not self.after_others


@audited("adjudication")
class Adjudication(OfScan):
    """What settles a scan on which readers differ. A later one counts in its place; nobody's verdict is overwritten."""

    scan_id: ObjectId
    adjudicator_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="adjudications")
    adjudicator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjudications"
    )
    label = NormalCharField(max_length=80)
    comment = NormalCharField(max_length=2000, blank=True)
    created = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-created",)
        indexes = (models.Index(fields=["scan", "-created"], name="adjudication_of_scan"),)

    def __str__(self) -> str:
        return f"settled as {self.label}"
