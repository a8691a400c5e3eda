"""Where results are sent, and what is left to send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bson import ObjectId
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.core.ae_title import AE_LETTERS, check_ae_title
from webapp.core.normal_form import NormalCharField
from webapp.pacs.results import What
from webapp.scans.models import Scan, reads_blind

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")
FHIR = "fhir"
KINDS = (*What.choices, (FHIR, "FHIR bundle"))

ACCOUNT_NEEDS = (
    "It has to be active, may not read blind, and has to see patients, exports and others' readings: an adjudicator's or an "
    "administrator's."
)


def check_name(text: str) -> None:
    """Raise ValidationError for what is no name of a destination."""
    if not NAME.fullmatch(text):
        raise ValidationError("Small letters, digits and hyphens.")


def check_host(text: str) -> None:
    """Raise ValidationError for what is neither a name nor an address of a computer."""
    if not HOST.fullmatch(text):
        raise ValidationError("A name or an address, without a port.")


class Protocol(models.TextChoices):
    """How a destination is spoken to."""

    DICOM = "dicom", "DICOM (C-STORE)"
    STOW = "stow", "DICOMweb (STOW-RS)"
    FHIR = "fhir", "FHIR R4"


class When(models.TextChoices):
    """When results are sent for the first time. They are sent again whenever a verdict changes them."""

    ANSWERED = "answered", "As soon as the model has answered"
    READ = "read", "After a reader's verdict"


@audited("destination", apart=("failures", "quiet_until", "last_failure"))
class Destination(models.Model):
    """A PACS or a health record that an administrator lets results be sent to.

    It gets what its account may know of the scans that the account may see.
    """

    name = models.CharField(
        max_length=40,
        unique=True,
        validators=[check_name],
        help_text="Small letters, digits and hyphens. What is needed to get in lies in the folder of this name.",
    )
    enabled = models.BooleanField(default=True)
    protocol = models.CharField(max_length=5, choices=Protocol.choices, default=Protocol.DICOM)
    host = models.CharField(
        max_length=253, blank=True, validators=[check_host], help_text="DICOM: name or address."
    )
    port = models.PositiveIntegerField(
        default=104, validators=[MinValueValidator(1), MaxValueValidator(65_535)], help_text="DICOM."
    )
    ae_title = models.CharField(
        "AE title",
        max_length=AE_LETTERS,
        blank=True,
        validators=[check_ae_title],
        help_text="DICOM: its own.",
    )
    calling_ae_title = models.CharField(
        "our AE title",
        max_length=AE_LETTERS,
        default="RETINOTE",
        validators=[check_ae_title],
        help_text="DICOM: by which it knows us.",
    )
    tls = models.BooleanField(
        "TLS", default=False, help_text="DICOM: encrypted; else anybody on the way can read it."
    )
    url = models.CharField(
        "URL",
        max_length=500,
        blank=True,
        help_text="DICOMweb: what /studies stands behind. FHIR: the server's base.",
    )
    sends = models.JSONField(
        default=list, blank=True, help_text="What is sent: sr, seg, heatmap, pdf; to FHIR servers fhir."
    )
    when = models.CharField(max_length=8, choices=When.choices, default=When.READ)
    clinic = NormalCharField(
        max_length=80, blank=True, help_text="Whose scans; empty for those of all clinics."
    )
    account_id: ObjectId
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="It gets what this account may know. Best an account that nobody reads with: what is sent counts as shown "
        "to it.",
    )

    # Changed by the worker alone.
    failures = models.PositiveIntegerField(default=0, help_text="How often in a row it could not be reached.")
    quiet_until = models.DateTimeField(default=clock.now, help_text="Until then it is left alone.")
    last_failure = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def kinds(self) -> list[str]:
        """The words of what is sent, by the protocol."""
        return [FHIR] if self.protocol == Protocol.FHIR else [str(what) for what in self.sends]

    def clean(self) -> None:
        """Refuse what could never be sent to, with a sentence for each field."""
        faults = dict(_faults(self))
        if faults:
            raise ValidationError(faults)


def _faults(destination: Destination) -> Iterator[tuple[str, str]]:
    if destination.protocol == Protocol.DICOM:
        for field in ("host", "ae_title"):
            if not getattr(destination, field):
                yield field, "DICOM needs it."
    else:
        yield from _faults_of_url(destination.url)
    known = isinstance(destination.sends, list) and set(map(str, destination.sends)) <= set(What.values)
    if destination.protocol != Protocol.FHIR and not (destination.sends and known):
        yield "sends", f"Some of: {', '.join(What.values)}."
    account = User.objects.filter(pk=destination.account_id).first()
    if account is not None and not may_stand_for(account):
        yield "account", ACCOUNT_NEEDS


def _faults_of_url(url: str) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        yield "url", "It begins with https:// (or http://), and names a server."
    elif parts.username or parts.password or parts.query or parts.fragment:
        yield "url", "Without account, password, ? and #: what lets us in stands in a file."


def may_stand_for(account: User) -> bool:
    """Whether an account may be the one by which results are sent."""
    needed = (Ability.SEE_PATIENTS, Ability.EXPORT, Ability.SEE_READINGS)
    return account.is_active and not reads_blind(account) and all(map(account.may, needed))


class Status(models.TextChoices):
    """How far a result has come."""

    WAITING = "waiting", "Waits to be sent"
    SENT = "sent", "Sent"
    NOTHING = "nothing", "There is nothing to send"
    FAILED = "failed", "Failed"


class Sending(OfScan):
    """A result of a scan that a destination shall have: what is left to do for it. There is one for each kind.

    A volume's are those of the B-scan in its middle.
    """

    destination_id: ObjectId
    scan_id: ObjectId
    destination = models.ForeignKey(
        Destination, on_delete=models.CASCADE, related_name="sendings", db_index=False
    )
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="sendings")
    what = models.CharField(max_length=8, choices=KINDS)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed, waits, or is not there.")
    asked = models.DateTimeField(default=clock.now, help_text="When there was something to send, last.")
    version = models.PositiveIntegerField(
        default=1, help_text="Rises whenever there may be something new to send."
    )
    attempts = models.PositiveIntegerField(default=0, help_text="Of this version.")
    next_attempt_at = models.DateTimeField(default=clock.now)
    claimed_until = models.DateTimeField(default=clock.now)
    sent = models.DateTimeField(null=True, blank=True, help_text="When it was sent last.")
    content = models.CharField(max_length=64, blank=True, help_text="Of what was sent last, a digest.")
    study = models.CharField(max_length=64, blank=True, help_text="Of what was sent last.")
    series = models.CharField(max_length=64, blank=True, help_text="Of what was sent last.")
    instance = models.CharField(max_length=64, blank=True, help_text="Of what was sent last.")
    replaces = models.JSONField(
        default=list, blank=True, help_text="What that replaced: study, series and instance."
    )
    again = models.BooleanField(default=False, help_text="Whether it goes out even if it is as before.")

    class Meta:
        ordering = ("-asked",)
        constraints = (
            models.UniqueConstraint(fields=["scan", "destination", "what"], name="one_sending_each"),
        )
        indexes = (
            models.Index(fields=["status", "destination", "next_attempt_at"], name="left_to_send"),
            models.Index(fields=["destination", "-asked"], name="newest_sendings"),
        )

    def __str__(self) -> str:
        return f"{self.get_what_display()} to {self.destination}"
