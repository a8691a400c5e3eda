"""The keys of services that may call the model server directly."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock
from webapp.core.normal_form import NormalCharField

DEFAULT_CALLS_PER_MINUTE = 60
MOST_CALLS_PER_MINUTE = 100_000
COUNTS = ("calls", "refused_calls", "last_used", "minute_began", "minute_calls")
"""The fields that each call changes."""


@audited("service key", apart=COUNTS)
class ServiceKey(models.Model):
    """The key that a service sends with its calls. Only its sha256 and its beginning are kept."""

    service = NormalCharField(
        max_length=80,
        help_text="Who calls with it, e.g. the name of a reporting system. It is shown in metrics.",
    )
    clinic = NormalCharField(
        max_length=80,
        blank=True,
        help_text="To which it may send studies by DICOMweb. Empty: it may send none.",
    )
    prefix = models.CharField(
        "begins with", max_length=16, help_text="To recognise the key by; tells nothing of it."
    )
    key_sha256 = models.CharField(max_length=64, unique=True)
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    issued = models.DateTimeField(default=clock.now)
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: it is good until it is revoked.")
    calls_per_minute = models.PositiveIntegerField(
        default=DEFAULT_CALLS_PER_MINUTE,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CALLS_PER_MINUTE)],
        help_text="More are refused until the minute that began with the first of them is over.",
    )
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    # Changed by `admission.admit` alone, in one update of the document.
    calls = models.PositiveBigIntegerField(default=0, help_text="Calls that were let through.")
    refused_calls = models.PositiveBigIntegerField(
        default=0, help_text="Calls over the limit, or after the key had expired or was revoked."
    )
    last_used = models.DateTimeField(
        null=True, blank=True, help_text="When it was shown last, refused or not."
    )
    minute_began = models.DateTimeField(null=True, blank=True)
    minute_calls = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-issued",)
        # A unique index is a partial one, which MongoDB doesn't search by.
        indexes = (models.Index(fields=["key_sha256"], name="key_by_digest"),)

    def __str__(self) -> str:
        return f"{self.service} ({self.prefix}…)"
