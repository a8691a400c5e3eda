"""The audit: records of what was done by whom, first waiting and then sealed into a chain."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django_mongodb_backend.fields import ArrayField

from webapp.core import clock

SHA256_LENGTH = 64
ID_LENGTH = 24


class AppendOnly(Exception):
    """An attempt to change or delete records, which can only be added."""

    def __init__(self) -> None:
        super().__init__("Audit records are added and never changed or deleted.")


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Finds and adds records, and refuses to change or delete them."""

    def update(self, **values: Any) -> NoReturn:
        """Raise AppendOnly: records are never changed."""
        raise AppendOnly

    def delete(self) -> NoReturn:
        """Raise AppendOnly: records are never deleted."""
        raise AppendOnly

    def bulk_update(self, *args: Any, **options: Any) -> NoReturn:
        """Raise AppendOnly: records are never changed."""
        raise AppendOnly


class Action(models.TextChoices):
    """The actions that records tell of."""

    SIGN_IN = "account.sign_in", "Signed in"
    SIGN_IN_FAILED = "account.sign_in_failed", "Failed to sign in"
    SIGN_OUT = "account.sign_out", "Signed out"
    USER_CREATE = "user.create", "Created a user"
    USER_CHANGE = "user.change", "Changed a user"
    USER_DELETE = "user.delete", "Deleted a user"
    USER_APPOINT = "user.appoint", "Appointed an adjudicator"
    USER_DISMISS = "user.dismiss", "Dismissed an adjudicator"
    SCAN_UPLOAD = "scan.upload", "Uploaded a scan"
    SCAN_VIEW = "scan.view", "Viewed a scan"
    SCAN_IMAGE = "scan.image", "Viewed a scan's image"
    SCAN_OVERLAY = "scan.overlay", "Viewed a scan's overlay"
    SCAN_HEATMAP = "scan.heatmap", "Viewed a scan's heat map"
    SCAN_FINDINGS = "scan.findings", "Viewed what the model sees on a scan"
    SCAN_REPORT = "scan.report", "Made a scan's report"
    SCAN_THUMBNAIL = "scan.thumbnail", "Viewed scans in small"
    SCAN_LIST = "scan.list", "Viewed scans in a list"
    SCAN_HISTORY = "scan.history", "Viewed what was done with a scan"
    ANNOTATION_VIEW = "annotation.view", "Viewed a scan's drawings"
    REVIEW_VIEW = "review.view", "Viewed a scan's verdicts"
    SCAN_CHANGE = "scan.change", "Changed what is said of a scan"
    SCAN_DELETE = "scan.delete", "Deleted a scan"
    PREDICTION_CREATE = "prediction.create", "Predicted a scan"
    ANNOTATION_CREATE = "annotation.create", "Drew on a scan"
    ANNOTATION_CHANGE = "annotation.change", "Changed a drawing"
    ANNOTATION_DELETE = "annotation.delete", "Deleted a drawing"
    REVIEW_CREATE = "review.create", "Gave a verdict"
    ADJUDICATION_CREATE = "adjudication.create", "Settled a scan"
    EXPORT_CREATE = "export.create", "Exported scans"
    RESULT_TAKE = "result.take", "Took a scan's results as DICOM or FHIR"
    RESULT_SEND = "result.send", "Sent a scan's results"
    RESULT_FAIL = "result.fail", "Gave up sending a scan's results"
    DESTINATION_CREATE = "destination.create", "Set where results are sent"
    DESTINATION_CHANGE = "destination.change", "Changed where results are sent"
    DESTINATION_DELETE = "destination.delete", "Ended sending results there"
    KEY_ISSUE = "key.issue", "Issued a service key"
    KEY_CHANGE = "key.change", "Changed a service key"
    KEY_REVOKE = "key.revoke", "Revoked a service key"
    SENDER_CREATE = "sender.create", "Allowed a device or PACS to send"
    SENDER_CHANGE = "sender.change", "Changed a device or PACS that may send"
    SENDER_DELETE = "sender.delete", "Took a device or PACS off the list"
    DICOM_REFUSED = "dicom.refused", "Was refused a DICOM association"
    CALIBRATION_CREATE = "calibration.create", "Calibrated the model on own scans"
    CALIBRATION_UNDO = "calibration.undo", "Took a calibration back"
    DRIFT_ALARM = "drift.alarm", "Noticed that scans differ"
    DRIFT_ACKNOWLEDGE = "drift.acknowledge", "Acknowledged that scans differ"
    DRIFT_END = "drift.end", "Noticed that scans no longer differ"
    DATA_SET_CREATE = "data_set.create", "Froze a data set of verified scans"
    LEARNING_START = "learning.start", "Started a learning run"
    LEARNING_STOP = "learning.stop", "Stopped a learning run"
    LEARNING_RESUME = "learning.resume", "Resumed a learning run"
    LEARNING_END = "learning.end", "Ended a learning run"
    MODEL_DEFAULT = "model.default", "Noted at a start which model version answers"
    MODEL_IMPORT = "model.import", "Imported a model version"
    MODEL_REMOVE = "model.remove", "Deleted a model version"
    BACKUP_CREATE = "backup.create", "Made a backup"
    BACKUP_RESTORE = "backup.restore", "Restored a backup"
    MODEL_REGISTER = "model.register", "Registered a model version"
    MODEL_PROMOTE = "model.promote", "Promoted a model version"
    MODEL_ROLLBACK = "model.rollback", "Rolled a model back"
    MODEL_RETIRE = "model.retire", "Retired a model version"
    MODEL_GATE = "model.gate", "Compared a model version with another"
    MODEL_OVERRIDE = "model.override", "Promoted a model version without a passed gate"
    ROLLOUT_START = "rollout.start", "Began to try a model version in shadow or as canary"
    ROLLOUT_CHANGE = "rollout.change", "Changed a canary's share of the patients"
    ROLLOUT_STOP = "rollout.stop", "Ended the trial of a model version"
    ROLLOUT_BREACH = "rollout.breach", "Stopped a canary, as a guardrail was breached"
    ROLLOUT_PROMOTE = "rollout.promote", "Ended a canary, as its version answers by default"
    SHADOW_ANSWER = "shadow.answer", "Had a scan answered in shadow, shown to nobody"
    VERSION_WITHDRAW = "version.withdraw", "Withdrew a model version that had answered"
    VERSION_ACCEPT = "version.accept", "Promoted a withdrawn model version again"
    VERSION_REPREDICT = "version.repredict", "Asked for new predictions in place of a withdrawn version's"
    MODEL_UNREADABLE = "model.unreadable", "A model change that can't be read"
    MODEL_REFUSED = "model.refused", "A model change that was refused"
    TEXT_NORMALISE = "text.normalise", "Wrote texts in their normal form"
    AUDIT_ACCEPT = "audit.accept", "Accepted that records are missing"


def actions() -> list[tuple[str, str]]:
    """All actions with their words. A function, so that a new action needs no migration."""
    return Action.choices


class Facts(models.Model):
    """The facts of a record: nothing of patients, and nothing that somebody typed."""

    time = models.DateTimeField(default=clock.now)
    actor = models.CharField(
        max_length=80,
        help_text="A user's id, operator:NAME for the command line, system, or anonymous.",
    )
    action = models.CharField(max_length=32, choices=actions)
    kind = models.CharField("kind of object", max_length=32)
    object_id = models.CharField("object", max_length=128, blank=True)
    scan_id = models.CharField("scan", max_length=24, blank=True, help_text="The scan that it belongs to.")
    before = models.CharField(
        max_length=SHA256_LENGTH, blank=True, help_text="sha256 of the document before."
    )
    after = models.CharField(max_length=SHA256_LENGTH, blank=True, help_text="sha256 of the document after.")
    weights_sha256 = models.CharField("weights", max_length=SHA256_LENGTH, blank=True)
    request_id = models.CharField("request", max_length=64, blank=True)
    # Fields of later versions are empty or missing in older records.
    actor_name = models.CharField(
        "account", max_length=150, blank=True, help_text="The actor's account name at that time."
    )
    scan_ids = ArrayField(
        models.CharField(max_length=ID_LENGTH),
        default=list,
        blank=True,
        verbose_name="scans",
        help_text="The scans that it is about, where it may be several.",
    )
    asked = models.CharField(
        "asked for",
        max_length=500,
        blank=True,
        help_text="How the list was narrowed. What may be of a patient is there as a keyed hash.",
    )
    hashing = models.PositiveSmallIntegerField(
        default=0, help_text="Of which version of hashing before and after are."
    )

    class Meta:
        abstract = True


class WaitingRecord(Facts):
    """A record that is not sealed yet; it is written in the transaction of what it tells."""

    objects = AppendOnlyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"

    def save(self, *args: Any, **options: Any) -> None:
        """Add the record; raises AppendOnly for one that is stored already."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Raise AppendOnly: records are never deleted."""
        raise AppendOnly


class Record(Facts):
    """A sealed record: a link of the chain."""

    number = models.BigIntegerField(primary_key=True, db_column="_id")
    previous = models.CharField(max_length=SHA256_LENGTH, help_text="Hash of the record before.")
    hash = models.CharField(max_length=SHA256_LENGTH, help_text="sha256 of all the above.")

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        verbose_name = "audit record"
        indexes = tuple(
            models.Index(fields=[field, "-number"], name=f"audit_by_{field}")
            for field in (
                "actor",
                "actor_name",
                "action",
                "object_id",
                "scan_id",
                "scan_ids",
                "time",
                "request_id",
            )
        )

    def __str__(self) -> str:
        return f"audit record {self.number}"

    def save(self, *args: Any, **options: Any) -> NoReturn:
        """Raise AppendOnly: only sealing adds records, many at a time."""
        raise AppendOnly

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Raise AppendOnly: records are never deleted."""
        raise AppendOnly


class Head(models.Model):
    """The number and hash of the last sealed record, by which records missing at the end of the chain show."""

    name = models.CharField(max_length=16, primary_key=True, db_column="_id")
    number = models.BigIntegerField()
    hash = models.CharField(max_length=SHA256_LENGTH)

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class Intake(models.Model):
    """How many bytes of a file of events have become records."""

    name = models.CharField(max_length=16, primary_key=True, db_column="_id")
    offset = models.BigIntegerField(default=0, help_text="In bytes.")

    def __str__(self) -> str:
        return f"{self.name} up to {self.offset}"


class RefusedLine(models.Model):
    """A line of the file of model changes that was not believed, word for word.

    Its sealed record has the line's hash in `after`.
    """

    time = models.DateTimeField(default=clock.now)
    offset = models.BigIntegerField(help_text="Where the line begins in the file, in bytes.")
    sha256 = models.CharField(max_length=SHA256_LENGTH, db_index=True)
    reason = models.CharField(max_length=200)
    line = models.TextField(help_text="Its beginning, where it is long.")

    objects = AppendOnlyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"the line at byte {self.offset}: {self.reason}"
