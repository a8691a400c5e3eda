"""Makes calibrations, takes them back, and hands the one in use to the model server."""

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
from webapp.core import clock, modalities
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.room import NoRoom

KIND = "calibration"


class CalibrationFailed(Exception):
    """A calibration can't be stored or handed to the model server; the message says why, and what to do."""


EXPECTED_ERRORS = (CalibrationRefused, CalibrationFailed, ModelUnavailable, NoRoom)
"""What may keep a calibration from being made or taken back. The messages are for people."""


@dataclass(frozen=True)
class Proposal:
    """A calibration that is not stored: the scans, what was fitted to them, and the metrics before and after."""

    evidence: Evidence
    fitted: Fit
    before: Metrics
    after: Metrics

    @property
    def card(self) -> ModelCard:
        """The card of the version that was calibrated."""
        return self.evidence.card

    def document(self, by: User | None) -> CalibrationProfile:
        """The document to store, without its name; `by` made it, None on the command line."""
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


def propose(model: str = "") -> Proposal:
    """Fit the version of a model that answers now to the verified scans, and measure it; nothing is stored.

    Without a name it is the default modality's model. Raises CalibrationRefused where the scans are too few or too much
    alike or no modality has the model, ModelUnavailable when the model server can't give its card, NoRoom while other
    large pictures are decoded.
    """
    card = model_client(_checked(model)).card()
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
    used = CalibrationProfile.objects.of_weights(card.name, card.weights_sha256)
    if used is None:
        return own
    return own.with_profile(used.temperature, used.known_from, used.least)


def _checked(model: str) -> str:
    """The name of a model that answers here. Raises CalibrationRefused."""
    answering = modalities.models()
    if model and model not in answering:
        raise CalibrationRefused(
            f"{model} is the model of no modality here; these are: {', '.join(answering)}."
        )
    return model or answering[0]


def calibrate(by: User | None = None, model: str = "") -> CalibrationProfile:
    """Fit, store the profile with a record, and hand it to the model server.

    Raises what `propose` raises, and CalibrationFailed. Nothing is stored then, unless only the hand-over failed: the
    next start of the web app makes up for it.
    """
    check_folder()
    made = store(propose(model).document(by))
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


def undo(
    by: User | None = None, model: str = "", name: str = ""
) -> tuple[CalibrationProfile, CalibrationProfile | None]:
    """Take back the calibration of a model in use, with a record. Returns it, and the one in use from now on, if any.

    With a `name` it is taken back only if it is the one of that name: after a second click, or somebody else's, the one
    before it is in use. Raises CalibrationRefused when none is in use, or another one, and CalibrationFailed.
    """
    model = _checked(model)
    check_folder()

    def write() -> CalibrationProfile:
        used = CalibrationProfile.objects.in_use(model)
        if used is None:
            raise CalibrationRefused(
                f"No local calibration of {model} is in use: there is nothing to take back."
            )
        if name and used.name != name:
            raise CalibrationRefused(
                f"The calibration {name} is not in use, but {used.name} is. Nothing was taken back."
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
    return undone, CalibrationProfile.objects.in_use(model)


def publish() -> list[Path]:
    """Bring the model server's folder into step with the profiles in use; returns the files that changed.

    The database decides, so this may be called at any time, such as after a restored backup or a lost folder. Raises
    CalibrationFailed.
    """
    names = set(CalibrationProfile.objects.order_by().values_list("model_name", flat=True))
    if not names and not settings.CALIBRATION_DIR.is_dir():
        return []
    changed = []
    try:
        with _locked():
            for model_name in sorted({*names, *modalities.models()}):
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
    """Raise CalibrationFailed if the folder for the model server can't be written to."""
    try:
        with _locked():
            pass
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> CalibrationFailed:
    return CalibrationFailed(
        f"The folder for the model server, {settings.CALIBRATION_DIR}, can't be written to ({error.strerror}). Let this "
        "account write there, or set RETINOTE_CALIBRATION_DIR, for web app and model server alike."
    )


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the folder's lock, so that of two who publish at the same moment the later one sees what is stored."""
    folder: Path = settings.CALIBRATION_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _next_name() -> str:
    """The day in UTC and a number, such as 2026-11-28-1."""
    day = f"{clock.now():%Y-%m-%d}"
    numbers = [
        int(name.rpartition("-")[2])
        for name in CalibrationProfile.objects.filter(name__startswith=f"{day}-").values_list(
            "name", flat=True
        )
    ]
    return f"{day}-{max(numbers, default=0) + 1}"
