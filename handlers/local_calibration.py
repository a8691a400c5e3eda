"""The profile that an installation has fitted to its own scans, in a file that the model's workers read. Free of torch.

The file is in the folder that RETINOTE_CALIBRATION_DIR names, and has the model's name. Without it a model answers by
its card alone.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter
from pydantic.dataclasses import dataclass

from handlers.card import ModelCard, checked_name
from handlers.card_statistics import check_known
from handlers.checks import (
    STRICT,
    Composed,
    Count,
    Line,
    Positive,
    Sha256,
    Share,
    Text,
    must_be,
    read_json,
)

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "RETINOTE_CALIBRATION_DIR"
LOOK_EVERY_S = 1.0
"""Shortest time between two looks at the file."""
MAX_BYTES = 2**20
"""A profile has some 500; no worker reads a larger file."""
DIGITS = 6
"""Digits of a probability in an answer."""


class ProfileError(Exception):
    """A profile that can't be used; the message says what is wrong with it."""


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise must_be("a time as ISO 8601 writes it") from None
    return text


@dataclass(frozen=True, config=STRICT)
class Profile:
    """The values that one installation fitted for one version of a model, whose weights have the hash `weights_sha256`.

    `temperature` replaces the card's. `known_from` (0 to 1; None: the card's) and the `least` probability of each
    listed label replace those of the card's statistics. It was fitted on `scans` scans, at the time `made_at`
    (ISO 8601). Answers name it by `name`.
    """

    name: Line
    model: Text
    version: Text
    weights_sha256: Sha256
    temperature: Positive
    known_from: Share | None
    least: dict[Composed, Share]
    scans: Count
    made_at: Annotated[Text, AfterValidator(_moment)]

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON values."""
        return asdict(self)

    def save(self, folder: Path) -> Path:
        """Write the profile atomically to the file that the model's workers read, in place of any earlier one.

        Returns the file. Raises OSError if the folder can't be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        target = profile_path(folder, self.model)
        handle, partial = tempfile.mkstemp(prefix=f".{target.name}-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.to_dict(), file, indent=2, ensure_ascii=False, allow_nan=False)
                file.write("\n")
                file.flush()
                # The workers in the model server's container run as another user.
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(partial).replace(target)
        finally:
            Path(partial).unlink(missing_ok=True)
        return target


def profile_path(folder: Path, model: str) -> Path:
    """The file of a model's profile. Raises CardError for a text that can't be a model's name."""
    return folder / f"{checked_name(model, 'model ')}.json"


def load_profile(file: Path, labels: Collection[str] | None = None) -> Profile:
    """Read a profile; it may name none but `labels`, if these are given. Raises ProfileError or OSError."""
    # Without O_NONBLOCK, a pipe in its place would block.
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ProfileError("it is no plain file")
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ProfileError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    try:
        profile = read_json(TypeAdapter(Profile), content, "the profile")
        if labels is not None:
            check_known(profile.least, "least", labels)
    except ValueError as error:
        raise ProfileError(str(error)) from error
    return profile


class LocalCalibration:
    """The profile that applies to a model now. Looks at the file at most once in LOOK_EVERY_S."""

    def __init__(
        self, card: ModelCard, folder: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._card = card
        self._file = None if folder is None else profile_path(folder, card.name)
        self._clock = clock
        self._looked_at: float | None = None
        self._seen: tuple[int, ...] | None = None
        self._profile: Profile | None = None

    @classmethod
    def from_environment(cls, card: ModelCard, variables: Mapping[str, str] = os.environ) -> LocalCalibration:
        """The calibration from the folder in RETINOTE_CALIBRATION_DIR; without that variable there is no profile."""
        folder = variables.get(FOLDER_VARIABLE)
        return cls(card, Path(folder) if folder else None)

    def profile(self) -> Profile | None:
        """The profile, or None if there is none for these weights. One that can't be used is logged once."""
        if self._file is None:
            return None
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look(self._file)
        return self._profile

    def _look(self, file: Path) -> None:
        try:
            status = file.stat()
        except FileNotFoundError:
            seen: tuple[int, ...] | None = None
        except OSError as error:
            seen = (error.errno or 0,)
        else:
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            return
        self._seen = seen
        self._profile = None if seen is None else self._read(file)

    def _read(self, file: Path) -> Profile | None:
        card = self._card
        try:
            profile = load_profile(file, card.labels)
        except FileNotFoundError:
            return None
        except (ProfileError, OSError) as error:
            logger.warning("the local calibration %s is ignored: %s", file, error)
            return None
        if profile.weights_sha256 != card.weights_sha256:
            logger.warning(
                "the local calibration %s is ignored: it was made for the weights of %s %s, not for those of %s %s",
                *(file, profile.model, profile.version, card.name, card.version),
            )
            return None
        logger.info("the local calibration %s applies to %s %s", profile.name, card.name, card.version)
        return profile


def rescaled(probabilities: Mapping[str, float], used: float, temperature: float) -> dict[str, float]:
    """Convert probabilities (0 to 1) that were made with the temperature `used` to those of another temperature."""
    powers = {label: probability ** (used / temperature) for label, probability in probabilities.items()}
    total = sum(powers.values())
    return {label: round(power / total, DIGITS) for label, power in powers.items()} if total else dict(powers)
