"""Hands the calibration for the weights that answer now to the model server, as soon as the audit learns of a change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import connection

from webapp.audit.models import Action
from webapp.audit.recording import Actor
from webapp.versions.defaults import DECIDING

log = logging.getLogger(__name__)


def on_model_change(action: Action, change: Mapping[str, Any], actor: Actor) -> None:
    """Follow what `./retinote models` has done, once the transaction in which the audit takes it in is committed."""
    if action in DECIDING:
        connection.on_commit(_hand_over, robust=True)


def _hand_over() -> None:
    # Imported on demand: the arrays that calibrating takes need memory and time to load.
    from webapp.calibration.profiles import CalibrationFailed, publish

    try:
        publish()
    except CalibrationFailed as error:
        log.error("%s The next start of the web app tries again.", error)
