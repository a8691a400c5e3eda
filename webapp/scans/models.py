"""Scans with what is left to do for them, their predictions, and notes of what was shown to whom.

The rules of who may know what stand beside the columns that they read, each as a query and as a method: that is why the
module is longer than others.
"""

from __future__ import annotations

from copy import copy

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.db.models import Q
from django_mongodb_backend.fields import ArrayField

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import of_own_modalities
from webapp.accounts.models import User
from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.core.modalities import BEFORE
from webapp.core.normal_form import NormalCharField
from webapp.recommendations.answers import State
from webapp.scans.answered import PREDICTION_FIELDS, Answered
from webapp.volumes.models import Volume


class Status(models.TextChoices):
    """How far a scan has come."""

    QUEUED = "queued", "Queued: waits for the model server"
    PREDICTED = "predicted", "Predicted"
    FAILED = "failed", "Failed: the model server refuses the image"


class Eye(models.TextChoices):
    """Which eye (Latin: oculus dexter, oculus sinister)."""

    RIGHT = "OD", "Right (OD)"
    LEFT = "OS", "Left (OS)"


def reads_blind(user: User) -> bool:
    """Whether answers are hidden from the user until their own verdict; never from users who give no verdicts."""
    return user.reads_blind and user.may(Ability.READ)


def sees_all_readings(user: User) -> bool:
    """Whether the user may know others' readings before giving one; never for a blind reader."""
    return user.may(Ability.SEE_READINGS) and not reads_blind(user)


def read_by(user: User) -> Q:
    """Which scans the user has given a verdict on, or on the volume; the rule of `Scan.is_read_by`, for queries."""
    own = [str(user.pk)]
    return Q(readers__contains=own) | Q(volume_readers__contains=own)


def known_answers(user: User) -> Q:
    """Which scans' answers are not hidden from the user; the rule of `Scan.hides_answer_from`, for queries."""
    return read_by(user) if reads_blind(user) else Q()


def open_readings(user: User) -> Q:
    """Which scans' readings the user may know; the rule of `Scan.is_open_to`, for queries."""
    return Q() if sees_all_readings(user) else read_by(user)


class ScanQuerySet(models.QuerySet["Scan"]):
    """Where every query for scans starts."""

    def visible_to(self, user: User) -> ScanQuerySet:
        """The scans that the user may see, by their abilities: all, those of their present clinic, or none.

        Of these, a user of some modalities alone sees theirs. A scan that somebody uploads as a member of a clinic belongs
        to that clinic, and stays there when they leave. A scan that was uploaded without a clinic is its uploader's alone.
        """
        if not user.is_active:
            return self.none()
        scans = of_own_modalities(self, user)
        if user.may(Ability.SEE_ALL):
            return scans.all()
        if not user.may(Ability.SEE_CLINIC):
            return self.none()
        own = Q(user=user, clinic="")
        return scans.filter(own | Q(clinic=user.clinic)) if user.clinic else scans.filter(own)

    def of_modality(self, name: str) -> ScanQuerySet:
        """Those of a modality: scans that an earlier version stored name none, and are of the one that there was."""
        named = Q(modality=name)
        return self.filter(named | Q(modality__is_missing=True) if name == BEFORE else named)

    def leading(self) -> ScanQuerySet:
        """A scan for each upload: of a volume the B-scan that leads it."""
        return self.filter(follows__is_missing=True)

    def leading_for(self, user: User) -> ScanQuerySet:
        """The same as the user may know it.

        Which B-scan leads follows from the model's answers. From whom these are hidden, the one in the middle stands for
        a volume until the own verdict.
        """
        if not reads_blind(user):
            return self.leading()
        own = [str(user.pk)]
        # Who read the B-scan that leads stands with each of the others, so that no other document has to be looked at.
        read = Q(follows__is_missing=True, readers__contains=own)
        hidden = Q(in_the_middle=True) & ~read & ~Q(volume_readers__contains=own)
        return self.filter(Q(volume__isnull=True) | read | hidden)

    def open_to(self, user: User) -> ScanQuerySet:
        """The scans whose readings the user may know."""
        return self.filter(open_readings(user))

    def due(self) -> ScanQuerySet:
        """Queued scans that nobody works on and whose next attempt has come."""
        now = clock.now()
        return self.filter(status=Status.QUEUED, next_attempt_at__lte=now, claimed_until__lte=now)


MOST_ATTEMPTS = 10
"""Tries, a quarter of an hour with their pauses, after which the model server's failing at a scan counts as the scan's."""
LEFT_TO_DO = ("status", "failure", "attempts", "next_attempt_at", "claimed_until", "waited_ms")
OF_READINGS = (
    "reviewed",
    "readers",
    "volume_readers",
    "dispute",
    "settled_label",
    "final_reading",
    "final_rank",
)


@audited(
    "scan",
    apart=(*PREDICTION_FIELDS, *LEFT_TO_DO, *OF_READINGS, "urgency_rank", "follows", "useful"),
    before={"modality": BEFORE},
)
class Scan(Answered, OfScan):
    """One uploaded picture with its newest prediction. Its image bytes lie in files below the media folder."""

    SCAN_FIELD = "pk"
    user_id: ObjectId | None
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="scans",
        db_index=False,  # newest_of_membership begins with it, and each index costs every upload
        help_text="Who uploaded it; empty for what a device or PACS sent.",
    )
    clinic = NormalCharField(
        max_length=80, blank=True, help_text="The uploader's at the upload: whose it is."
    )
    received_from = models.CharField(
        max_length=80, blank=True, help_text="The device or PACS that sent it to the clinic."
    )
    received_at = models.DateTimeField(
        null=True, blank=True, help_text="When its first instance came from there."
    )
    timestamp = models.DateTimeField(default=clock.now)

    modality = models.CharField(
        max_length=40,
        default=BEFORE,
        help_text="Its profile says what such a picture has, and which model answers.",
    )
    fields = models.JSONField(
        null=True,
        blank=True,
        help_text="What people say of it in the fields that the modality has, by name.",
    )

    sha256 = models.CharField(max_length=64, help_text="Of the file as it was uploaded.")
    image_name = models.CharField(max_length=80)
    deep_name = models.CharField(
        max_length=80, blank=True, help_text="The file of its values in 16 bits, where the upload had them."
    )
    deep_black = models.FloatField(
        null=True, blank=True, help_text="Which of these values is black in the image."
    )
    deep_white = models.FloatField(null=True, blank=True, help_text="Which of them is white.")
    width = models.PositiveIntegerField(help_text="In pixels.")
    height = models.PositiveIntegerField(help_text="In pixels.")
    micrometres_x = models.FloatField(null=True, blank=True, help_text="Width of a pixel, when it is known.")
    micrometres_y = models.FloatField(null=True, blank=True, help_text="Height of a pixel, when it is known.")
    eye = models.CharField(max_length=2, choices=Eye.choices, blank=True)
    eye_in_file = models.CharField(
        max_length=2,
        choices=Eye.choices,
        blank=True,
        help_text="Which eye the file names: a contradiction to what people say stays visible.",
    )
    patient_ref = NormalCharField(max_length=80, blank=True)
    acquired = models.CharField(
        max_length=10,
        blank=True,
        help_text="When it was taken: a day, month or year, such as 2024-03-17 or 2024-03.",
    )
    note = NormalCharField(max_length=2000, blank=True)
    device = models.CharField(
        max_length=80, blank=True, help_text="Maker and model, of those that this program knows."
    )

    volume_id: ObjectId | None
    volume = models.ForeignKey(
        Volume,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bscans",
        db_index=False,  # of_volume begins with it
    )
    place = models.PositiveIntegerField(default=0, help_text="In its volume, from 0 on.")
    in_the_middle = models.BooleanField(
        null=True, blank=True, help_text="True for the B-scan in the middle of its volume, else null."
    )
    follows = models.BooleanField(
        null=True,
        blank=True,
        help_text="True for a B-scan whose volume another one leads; null for all that lists show.",
    )

    status = models.CharField(max_length=9, choices=Status.choices, default=Status.QUEUED)
    failure = models.JSONField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True, help_text="Of the upload, for the log.")
    next_attempt_at = models.DateTimeField(default=clock.now)
    claimed_until = models.DateTimeField(default=clock.now)

    waited_ms = models.PositiveIntegerField(
        null=True, blank=True, help_text="From the upload to the first prediction."
    )

    # Fields by which the worklist sorts and filters; whoever changes what they follow from updates them.
    urgency_rank = models.IntegerField(default=0, help_text="Higher is more urgent; 0 without a prediction.")
    reviewed = models.BooleanField(default=False)
    readers = ArrayField(
        models.CharField(max_length=24), default=list, blank=True, help_text="Who gave a verdict."
    )
    volume_readers = ArrayField(
        models.CharField(max_length=24),
        default=list,
        blank=True,
        help_text="Who gave a verdict on the B-scan that leads its volume.",
    )
    dispute = models.FloatField(
        default=0, help_text="Share of the pairs of independent readings that name different labels."
    )
    settled_label = models.CharField(max_length=80, blank=True, help_text="What an adjudicator said last.")
    final_reading = models.JSONField(
        null=True, blank=True, help_text="What leads, as webapp/scans/final.py reads it."
    )
    final_rank = models.IntegerField(
        default=0, help_text="As urgency_rank, of the final reading; 0 without one."
    )
    useful = models.FloatField(
        default=0,
        help_text="How much a verdict would teach, by answers alone and never by readings; 0 where nobody worked it out.",
    )

    answer_hidden = False
    """Whether this is a copy of `as_shown_to`, without an answer that its reader may not know yet."""
    _labels: list[str] | None = None

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ("-timestamp",)
        constraints = (
            models.UniqueConstraint(
                fields=["user", "clinic", "sha256", "place"], name="same_file_once_in_membership"
            ),
        )
        indexes = (
            # In the orders of the lists, down to the last key: MongoDB sorts by a whole index or not by it at all.
            models.Index(fields=["-timestamp", "-id"], name="newest"),
            models.Index(fields=["user", "clinic", "-timestamp", "-id"], name="newest_of_membership"),
            models.Index(fields=["clinic", "-timestamp", "-id"], name="newest_of_clinic"),
            models.Index(fields=["modality", "-timestamp", "-id"], name="newest_of_modality"),
            models.Index(fields=["label", "-timestamp", "-id"], name="newest_of_label"),
            models.Index(fields=["status", "-timestamp", "-id"], name="newest_of_status"),
            models.Index(fields=["state", "-timestamp", "-id"], name="newest_of_state"),
            models.Index(fields=["patient_ref", "-timestamp", "-id"], name="newest_of_patient"),
            models.Index(fields=["-urgency_rank", "-timestamp", "-id"], name="most_urgent"),
            models.Index(fields=["-final_rank", "-timestamp", "-id"], name="most_urgent_read"),
            models.Index(
                fields=["final_rank", "-urgency_rank", "-timestamp", "-id"], name="most_urgent_unread"
            ),
            models.Index(fields=["confidence", "-timestamp", "-id"], name="least_certain"),
            models.Index(fields=["-dispute", "-timestamp", "-id"], name="most_disputed"),
            models.Index(fields=["-useful", "-timestamp", "-id"], name="most_useful"),
            models.Index(fields=["status", "next_attempt_at"], name="left_to_do"),
            # A unique index is a partial one, which MongoDB doesn't search by.
            models.Index(fields=["sha256"], name="of_file"),
            models.Index(fields=["volume", "place"], name="of_volume"),
        )

    def __str__(self) -> str:
        return f"scan {self.pk}"

    def together(self) -> ScanQuerySet:
        """The scan with all B-scans of its volume; without a volume it alone."""
        return (
            Scan.objects.filter(volume=self.volume_id) if self.volume_id else Scan.objects.filter(pk=self.pk)
        )

    def may_be_changed_by(self, user: User) -> bool:
        """Whether the user may correct the scan's details, or delete it.

        What a device or PACS sent is the clinic's own: each of its members who may upload stands in for an uploader.
        """
        is_own = self.user_id == user.pk and self.clinic in ("", user.clinic)
        is_own = is_own or (self.user_id is None and bool(self.clinic) and self.clinic == user.clinic)
        return user.may(Ability.MANAGE) or (user.may(Ability.UPLOAD) and is_own)

    def read_in_place_of(self, user: User) -> Scan:
        """The scan that a verdict of the user on this one is about: itself, or what it stands for in `leading_for`."""
        if self.in_the_middle and self.follows and reads_blind(user) and not self.is_read_by(user):
            return self.together().leading().first() or self
        return self

    def is_open_to(self, user: User) -> bool:
        """Whether the user may know what other readers drew and said: without that ability not before the own verdict."""
        return sees_all_readings(user) or self.is_read_by(user)

    def hides_answer_from(self, user: User) -> bool:
        """Whether the user reads blind and has not given a verdict yet, so that the model's answer stays hidden."""
        return bool(self.label) and reads_blind(user) and not self.is_read_by(user)

    def is_read_by(self, user: User) -> bool:
        """Whether the user has given a verdict on it, or on its volume."""
        return str(user.pk) in self.all_readers

    @property
    def all_readers(self) -> set[str]:
        """Who gave a verdict on it, or on its volume."""
        return {*self.readers, *self.volume_readers}

    @property
    def labels(self) -> list[str]:
        """The labels that the model knows, in alphabetical order, which tells nothing about the answer."""
        return sorted(self.probabilities) if self._labels is None else self._labels

    def as_shown_to(self, user: User) -> Scan:
        """The scan as the user may know it: itself, or a copy without the model's answer."""
        if not self.hides_answer_from(user):
            return self
        shown = copy(self)
        shown._labels = self.labels
        for name in (*PREDICTION_FIELDS, "urgency_rank"):
            setattr(shown, name, Scan._meta.get_field(name).get_default())  # type: ignore[union-attr]
        shown.answer_hidden = True
        return shown


@audited("prediction")
class Prediction(Answered, OfScan):
    """One answer of the model server to a scan. It is never changed, so that earlier ones can be looked up."""

    scan_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="predictions")

    class Meta:
        ordering = ("-predicted_at",)

    def __str__(self) -> str:
        return f"{self.answer.text} by {self.model_name} {self.model_version}"


class Disclosure(models.Model):
    """What a user was shown of a scan, and when first. A user who was shown nothing of its answer reads it blind.

    There is one for each scan and user. The one without a scan says when something of all scans that existed was shown:
    by a filter or an order that depends on answers, or by more scans at once than are noted one by one.
    """

    key = models.CharField(primary_key=True, max_length=49, db_column="_id", help_text="User and scan.")
    user_id: ObjectId
    # DO_NOTHING saves the search for these documents when a user is deleted: they hold no more of a user than the id.
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    scan_id: ObjectId | None
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, null=True, related_name="disclosures")
    answer_at = models.DateTimeField(null=True, help_text="When the model's answer was first shown.")
    readings_at = models.DateTimeField(null=True, help_text="When something of others' was first shown.")
    label = models.CharField(max_length=80, blank=True, help_text="Of the answer that was shown last.")
    model_version = models.CharField(max_length=80, blank=True, help_text="Of the same answer.")
    state = models.CharField(
        max_length=12, choices=State.choices, blank=True, help_text="Of the same answer."
    )

    def __str__(self) -> str:
        return f"{self.user_id} was shown {self.scan_id or 'all scans'}"
