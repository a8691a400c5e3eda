"""Bounds a user of some modalities to these: which documents of any kind, and which models, are theirs.

A document names its modality itself, by its scan, or by the model that it is about. A kind of document that does none of
this belongs to no modality, and all who may see it see all of it.
"""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet

from webapp.accounts.models import User
from webapp.audit.viewing import OfScan
from webapp.core import modalities

Documents = TypeVar("Documents", bound="QuerySet[Model]")


def of_own_modalities(documents: Documents, user: User) -> Documents:
    """Of the documents those of the user's modalities: all where the user has all, or where they belong to none.

    What has no scan yet, such as something that was received and not read, is nobody's modality.
    """
    path = path_of(documents.model)
    if not user.modalities or not path:
        return documents
    own = own_models(user) if path == "model_name" else user.modalities
    return documents.filter(**{f"{path}__in": own})


def path_of(kind: type[Model]) -> str:
    """The field by which a kind of document names its modality, or its model; "" for what belongs to none."""
    fields = {field.name for field in kind._meta.get_fields()}
    if "modality" in fields:
        return "modality"
    if issubclass(kind, OfScan):
        return "scan__modality"
    if found := getattr(kind, "MODALITY_FIELD", ""):
        return str(found)
    return "model_name" if "model_name" in fields else ""


def own_models(user: User) -> list[str]:
    """The models of the modalities that the user works with."""
    return [each.model for each in modalities.of_user(user.modalities)]


def works_with(user: User, model: str) -> bool:
    """Whether a model is of a modality that the user works with; true of any model where that is all of them."""
    return not user.modalities or model in own_models(user)


def check_model(user: User, model: str) -> None:
    """Raise PermissionDenied for a model of a modality that the user doesn't work with."""
    if not works_with(user, model):
        raise PermissionDenied(f"{user} does not work with the modality of {model}.")
