"""Which models a stack serves: as somebody named them, or those of the modalities."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from modalities import ProfileError, profiles
from operations.errors import OperationsError
from serving.wanted import MODELS_VARIABLE, Wanted

NAME_VARIABLE = "RETINOTE_MODEL_NAME"
"""The variable for the web app's own name of the first modality's model."""


def wanted_models(named: Sequence[str], variables: Mapping[str, str] = os.environ) -> Wanted:
    """The models as named, or by RETINOTE_MODELS; else all, of which those of modalities begin by themselves.

    Raises OperationsError for modalities that can't be read.
    """
    listed = [name.strip() for name in variables.get(MODELS_VARIABLE, "").split(",")]
    if given := frozenset(named or filter(None, listed)):
        return Wanted(only=given)
    try:
        known = {profile.model for profile in profiles()}
    except ProfileError as error:
        raise OperationsError(str(error)) from error
    own = variables.get(NAME_VARIABLE)
    return Wanted(known=frozenset({*known, own} if own else known))
