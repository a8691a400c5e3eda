"""Pseudonyms, which stand for names in de-identified data."""

import hashlib
import hmac

from django.conf import settings

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.core.normal_form import normal


def pseudonym(kind: str, value: object) -> str:
    """The pseudonym of a value, such as `reader-1a2b3c4d5e6f`: the same everywhere; only the key can lead it back."""
    digest = hmac.new(settings.SECRET_KEY.encode(), normal(f"{kind} {value}").encode(), hashlib.sha256)
    return f"{kind}-{digest.hexdigest()[:12]}"


def circle_of(clinic: str, user_id: object) -> str:
    """Within what a reference means one patient: the clinic, or a user without one."""
    return clinic or str(user_id or "")


def patient_pseudonym(circle: str, reference: str, volume_id: object) -> str:
    """The pseudonym of whom a scan is of: a reference counts within its circle (`circle_of`) alone.

    Without a reference all B-scans of a volume are of one patient; "" for a scan by itself, whose patient is not known.
    """
    if reference:
        # Clinic "north" may refer to a patient as "east/1", as clinic "north/east" does as "1". Nothing that is typed
        # holds a null character; other clinics keep the pseudonyms that they have.
        between = "\0" if "/" in circle else "/"
        return pseudonym("patient", f"{circle}{between}{reference}")
    return pseudonym("patient", f"volume {volume_id}") if volume_id else ""


def shown_name(user: User, reader: User) -> str:
    """The user's name as the reader may know it: the full name and the account's, which is unique, or a pseudonym."""
    if reader.may(Ability.SEE_PATIENTS):
        full_name = user.get_full_name()
        return f"{full_name} ({user.username})" if full_name else user.username
    return pseudonym("reader", user.pk)
