"""Making calibrations, taking them back, and handing to the model server what is in use."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError

from handlers.card import ModelCard
from handlers.local_calibration import Profile, ProfileError, load_profile, profile_path
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.calibration.evidence import CalibrationRefused, Evidence, gather
from webapp.calibration.fitting import Fit, fit
from webapp.calibration.measuring import Metrics, cross_validate, measure
from webapp.calibration.models import CalibrationProfile
from webapp.calibration.sample import Terms
from webapp.core import clock
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.room import NoRoom

KIND = "calibration"


class CalibrationFailed(Exception):
    """It can't be stored or handed over; the message says why, and what to do."""


WRONG = (CalibrationRefused, CalibrationFailed, ModelUnavailable, NoRoom)
"""What may keep one from being made or taken back; the text is for people."""


@dataclass(frozen=True)
class Proposal:
    """What a calibration would put in place: what it was fitted on, and how well scans were and would be answered."""

    evidence: Evidence
    fitted: Fit
    before: Metrics
    after: Metrics

    @property
    def card(self) -> ModelCard:
        """The card of the version that it is for."""
        return self.evidence.card

    def document(self, by: User | None) -> CalibrationProfile:
        """As it is stored, without its name."""
        card, evidence, fitted = self.card, self.evidence, self.fitted
        return CalibrationProfile(
            model_name=card.name,
            model_version=card.version,
            weights_sha256=card.weights_sha256,
            temperature=fitted.temperature,
            known_from=fitted.known_from,
            least=fitted.least,
            least_by={label: str(source) for label, source in fitted.by.items()},
            scans=len(evidence.taken),
            patients=evidence.patients,
            labels=evidence.labels,
            left_out=evidence.sentences(),
            before=self.before.to_dict(),
            after=self.after.to_dict(),
            made_by=by,
        )


def propose() -> Proposal:
    """Fit the version that answers now to the verified scans, and measure it; nothing is stored.

    Raises CalibrationRefused where the scans don't do, ModelUnavailable when the model server can't say what answers,
    NoRoom while other large pictures are decoded.
    """
    card = model_client().card()
    evidence = gather(card)
    evidence.check()
    sample, own = evidence.sample(), Terms.of_card(card)
    return Proposal(
        evidence=evidence,
        fitted=fit(sample, own),
        before=measure(sample, own, _terms_in_use(card, own)),
        after=cross_validate(sample, own),
    )


def _terms_in_use(card: ModelCard, own: Terms) -> Terms:
    used = CalibrationProfile.objects.in_use(card.name)
    if used is None or used.weights_sha256 != card.weights_sha256:
        return own
    return own.with_profile(used.temperature, used.known_from, used.least)


def calibrate(by: User | None = None) -> CalibrationProfile:
    """Fit, store the profile with a record, and hand it to the model server.

    Raises what `propose` raises, and CalibrationFailed. Nothing is stored then, unless the handing over failed in the
    end, which is done at the next start of the web app.
    """
    check_folder()
    made = store(propose().document(by))
    publish()
    return made


def store(profile: CalibrationProfile) -> CalibrationProfile:
    """Give an unsaved profile its name and save it, with a record. Raises CalibrationFailed."""

    def write() -> None:
        profile.name = _next_name()
        profile.save(force_insert=True)
        record(
            Action.CALIBRATION_CREATE, acting(), KIND, after=profile, weights_sha256=profile.weights_sha256
        )

    try:
        all_or_nothing(write)
    except IntegrityError as error:
        raise CalibrationFailed(
            "Somebody else calibrated at the same moment. Look at theirs first."
        ) from error
    return profile


def undo(by: User | None = None) -> tuple[CalibrationProfile, CalibrationProfile | None]:
    """Take back the calibration in use, with a record; returns it, and the one that is in use from now on, if any.

    Raises CalibrationRefused when none is in use, and CalibrationFailed.
    """
    check_folder()

    def write() -> CalibrationProfile:
        used = CalibrationProfile.objects.in_use(settings.MODEL_NAME)
        if used is None:
            raise CalibrationRefused(
                f"No local calibration of {settings.MODEL_NAME} is in use: there is nothing to take back."
            )
        before = CalibrationProfile.objects.get(pk=used.pk)
        used.undone_at, used.undone_by = clock.now(), by
        used.save(update_fields=["undone_at", "undone_by"])
        record(
            Action.CALIBRATION_UNDO,
            acting(),
            KIND,
            before=before,
            after=CalibrationProfile.objects.get(pk=used.pk),
            weights_sha256=used.weights_sha256,
        )
        return used

    undone = all_or_nothing(write)
    publish()
    return undone, CalibrationProfile.objects.in_use(settings.MODEL_NAME)


def publish() -> list[Path]:
    """Write the file of each model's profile in use for the model server, and remove those of others; what was changed.

    What is stored decides, so that it may be called at any time: after a restored backup, or a folder that was lost.
    Raises CalibrationFailed.
    """
    names = set(CalibrationProfile.objects.order_by().values_list("model_name", flat=True))
    if not names and not settings.CALIBRATION_DIR.is_dir():
        return []
    changed = []
    try:
        with _alone():
            for model_name in sorted(names | {settings.MODEL_NAME}):
                changed += _publish(model_name)
    except OSError as error:
        raise _unwritable(error) from error
    return changed


def _publish(model_name: str) -> list[Path]:
    path, used = (
        profile_path(settings.CALIBRATION_DIR, model_name),
        CalibrationProfile.objects.in_use(model_name),
    )
    if used is None:
        if not path.exists():
            return []
        path.unlink()
        return [path]
    profile = _file_of(used)
    try:
        if load_profile(path) == profile:
            return []
    except (OSError, ProfileError):
        pass  # it is missing, or not what it should be
    return [profile.save(settings.CALIBRATION_DIR)]


def _file_of(used: CalibrationProfile) -> Profile:
    return Profile(
        name=used.name,
        model=used.model_name,
        version=used.model_version,
        weights_sha256=used.weights_sha256,
        temperature=used.temperature,
        known_from=used.known_from,
        least=used.least,
        scans=used.scans,
        made_at=used.made_at.isoformat(timespec="milliseconds"),
    )


def check_folder() -> None:
    """Raise CalibrationFailed where the model server's folder can't be written to, before anything is done."""
    try:
        with _alone():
            pass
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> CalibrationFailed:
    return CalibrationFailed(
        f"The folder for the model server, {settings.CALIBRATION_DIR}, can't be written to ({error.strerror}). Let this "
        "account write there, or set RETINOTE_CALIBRATION_DIR, for web app and model server alike."
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else hands anything over meanwhile: of two at the same moment the later one must see what is stored."""
    folder: Path = settings.CALIBRATION_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _next_name() -> str:
    """The day, in UTC, and a number: 2026-11-28-1."""
    day = f"{clock.now():%Y-%m-%d}"
    numbers = [
        int(name.rpartition("-")[2])
        for name in CalibrationProfile.objects.filter(name__startswith=f"{day}-").values_list(
            "name", flat=True
        )
    ]
    return f"{day}-{max(numbers, default=0) + 1}"
