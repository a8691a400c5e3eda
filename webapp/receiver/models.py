"""Who may send, what has come, and what becomes of it."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from bson import ObjectId
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from imaging.dicom.origin import MAX_UID_LETTERS
from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.core.ae_title import AE_LETTERS, check_ae_title
from webapp.core.normal_form import NormalCharField
from webapp.scans.models import Scan


def check_network(text: str) -> None:
    """Raise ValidationError for what is no address and no network."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValidationError(
            "Give an address, such as 10.0.4.17, or a network, such as 10.0.4.0/24 (its first address)."
        ) from error


@audited("sender")
class Sender(models.Model):
    """A device or PACS that may send over the DICOM network protocol. All others are refused."""

    ae_title = models.CharField(
        "AE title", max_length=AE_LETTERS, validators=[check_ae_title], help_text="What it calls itself."
    )
    network = models.CharField(
        max_length=49, validators=[check_network], help_text="The address or network that it calls from."
    )
    clinic = NormalCharField(max_length=80, help_text="Whose what it sends is.")
    enabled = models.BooleanField(default=True)
    report_port = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65_535)],
        help_text="Where it takes reports on storage commitment over an association of ours, at the address that it asked "
        "from. Empty: it gets them over its own association alone.",
    )

    class Meta:
        ordering = ("ae_title", "network")

    def __str__(self) -> str:
        return f"{self.ae_title} ({self.network})"

    def calls_from(self, address: str) -> bool:
        """Whether the address is its own."""
        given = ipaddress.ip_address(address)
        mapped = getattr(given, "ipv4_mapped", None)
        return (mapped or given) in ipaddress.ip_network(self.network)


class State(models.TextChoices):
    """How far an arrival has come."""

    WAITING = "waiting", "Waits to be read"
    READ = "read", "Read"
    REFUSED = "refused", "Refused"


class Arrival(OfScan):
    """What is read as one: an instance of several frames, or the instances of one frame of a series."""

    key = models.CharField(primary_key=True, max_length=64, db_column="_id", help_text="Of clinic and UID.")
    clinic = NormalCharField(max_length=80)
    study_uid = models.CharField("study", max_length=MAX_UID_LETTERS)
    series_uid = models.CharField("series", max_length=MAX_UID_LETTERS)
    sender = models.CharField(max_length=80, help_text="Who sent the first of it.")
    arrived = models.DateTimeField(default=clock.now, help_text="When it was first read.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    code = models.CharField(max_length=40, blank=True, help_text="Why it was refused, for programs.")
    reason = models.CharField(max_length=400, blank=True, help_text="Why it was refused.")
    scan_id: ObjectId | None
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    order = models.JSONField(default=list, blank=True, help_text="The key of the instance at each place.")
    claimed_until = models.DateTimeField(default=clock.now)
    claim = models.CharField(max_length=32, blank=True, help_text="Of the worker that reads it.")
    attempts = models.PositiveIntegerField(default=0, help_text="Times that reading it ended by a fault.")

    class Meta:
        ordering = ("-arrived",)
        indexes = (models.Index(fields=["clinic", "study_uid"], name="arrivals_of_study"),)

    def __str__(self) -> str:
        return f"{self.get_state_display()} since {self.arrived:%Y-%m-%d %H:%M}"


class Instance(models.Model):
    """A DICOM instance that was stored. Its bytes are a file beside the pictures, kept for a while."""

    MODALITY_FIELD: ClassVar[str] = "arrival__scan__modality"

    key = models.CharField(primary_key=True, max_length=64, db_column="_id", help_text="Of clinic and UID.")
    arrival_id: str
    # The arrival's document is made when it is read: its key is known before.
    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="instances")
    clinic = NormalCharField(max_length=80)
    sop_class = models.CharField(max_length=MAX_UID_LETTERS)
    sop_uid = models.CharField("instance", max_length=MAX_UID_LETTERS)
    study_uid = models.CharField("study", max_length=MAX_UID_LETTERS)
    series_uid = models.CharField("series", max_length=MAX_UID_LETTERS)
    sender = models.CharField(max_length=80)
    received = models.DateTimeField(default=clock.now)
    sha256 = models.CharField(max_length=64, help_text="Of the data set as it was sent.")
    size = models.PositiveBigIntegerField(help_text="In bytes.")
    file_name = models.CharField(max_length=80, blank=True, help_text="Empty once the file was removed.")
    is_enface = models.BooleanField(default=False, help_text="Whether it shows the retina from the front.")
    is_read = models.BooleanField(default=False, help_text="Whether its arrival was read with it.")

    class Meta:
        ordering = ("-received",)
        indexes = (
            models.Index(fields=["is_read", "received"], name="instances_to_read"),
            models.Index(fields=["clinic", "study_uid", "is_enface"], name="instances_of_study"),
        )

    def __str__(self) -> str:
        return f"instance of {self.received:%Y-%m-%d %H:%M:%S}"


class CommitmentReport(models.Model):
    """A report on storage commitment that a sender waits for. It is made anew whenever it is sent, and goes once it is answered."""

    sender_id: ObjectId
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=45, help_text="Where the sender asked from.")
    transaction = models.CharField(
        max_length=MAX_UID_LETTERS, help_text="The UID by which the sender knows it."
    )
    instances = models.JSONField(help_text="What it asked about: SOP class and instance of each.")
    asked = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0, help_text="Over associations of ours.")
    next_attempt_at = models.DateTimeField(default=clock.now)
    claimed_until = models.DateTimeField(default=clock.now)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was not taken so far.")

    class Meta:
        ordering = ("-asked",)
        indexes = (models.Index(fields=["next_attempt_at"], name="reports_to_send"),)

    def __str__(self) -> str:
        return f"report to {self.sender} since {self.asked:%Y-%m-%d %H:%M:%S}"


def key_of(clinic: str, uid: str) -> str:
    """The key of an instance or arrival: the same UID in two clinics are two."""
    return hashlib.sha256(f"{clinic}\n{uid}".encode()).hexdigest()


def keys_in(order: Sequence[str | None]) -> set[str]:
    """Whose instances are at the places of an arrival's `order`; of several frames each place is its own."""
    return {key.partition("/")[0] for key in order if key}


def sender_of(ae_title: str, address: str) -> Sender | None:
    """Who calls itself so and from there; None for nobody that may send."""
    named = Sender.objects.filter(ae_title=ae_title, enabled=True)
    return next((sender for sender in named if sender.calls_from(address)), None)


def is_quiet_since(newest: datetime, seconds: int) -> bool:
    """Whether nothing came in so many seconds."""
    return (clock.now() - newest).total_seconds() >= seconds
