"""What those who read de-identified data see in place of names."""

import hashlib
import hmac

from django.conf import settings

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.core.normal_form import normal


def pseudonym(kind: str, value: object) -> str:
    """A name for something of a kind, the same everywhere; nobody without this installation's key can lead it back."""
    digest = hmac.new(settings.SECRET_KEY.encode(), normal(f"{kind} {value}").encode(), hashlib.sha256)
    return f"{kind}-{digest.hexdigest()[:12]}"


def shown_name(user: User, reader: User) -> str:
    """What to call a user before the reader, no two alike: the name of the account behind the full one, or a pseudonym."""
    if reader.may(Ability.SEE_PATIENTS):
        full_name = user.get_full_name()
        return f"{full_name} ({user.username})" if full_name else user.username
    return pseudonym("reader", user.pk)
