"""Users, with a role and a clinic, and their refresh tokens."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any, ClassVar

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
from django_mongodb_backend.fields import ArrayField

from webapp.accounts.abilities import Ability, Role, abilities_of, roles
from webapp.audit.hashing import audited
from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock
from webapp.core.normal_form import NormalCharField, normal, ways_to_write
from webapp.mongodb.transactions import all_or_nothing

SESSION_SALT = "webapp.accounts.models.User.session"


class UserManager(DjangoUserManager["User"]):
    """Django's manager, whose superusers have the role of an administrator."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """Create an administrator, for `createsuperuser`."""
        return super().create_superuser(username, email, password, **extra | {"role": Role.ADMINISTRATOR})


@audited("user", apart=("last_login",))
class User(AbstractUser):
    """A user. The role alone decides the abilities; `is_staff` and `is_superuser` follow from it."""

    username = NormalCharField(  # Django's own field, in one normal form
        "username",
        max_length=150,
        unique=True,
        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": "A user with that username already exists."},
        form="NFKC",
    )
    first_name = NormalCharField("first name", max_length=150, blank=True)
    last_name = NormalCharField("last name", max_length=150, blank=True)
    role = models.CharField(max_length=16, choices=roles, default=Role.CLINICIAN)
    clinic = NormalCharField(
        max_length=80, blank=True, help_text="Clinicians of the same clinic see each other's scans."
    )
    modalities = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="The modalities whose scans the user sees and uploads; empty: all.",
    )
    is_adjudicator = models.BooleanField(
        "adjudicator",
        default=False,
        help_text="Settles scans on which readers disagree, and sees their readings before giving one. "
        "Administrators do anyway.",
    )
    sign_in_generation = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text="Every token and session of the account carries it; a new one ends them all.",
    )

    reads_blind = models.BooleanField(
        default=False, help_text="Is shown a scan's answer only after the own verdict on it."
    )

    objects: ClassVar[UserManager] = UserManager()
    _password: str | None  # Django's own: set by set_password, until saved

    def clean(self) -> None:
        """Raise ValidationError for an adjudicator whose role gives no verdicts, and so can settle nothing."""
        super().clean()
        if self.is_adjudicator and not self.may(Ability.READ):
            raise ValidationError(
                {
                    "is_adjudicator": f"The role {self.role} gives no verdicts, so that {self.username} can't settle "
                    "scans: give another role, or take the appointment away."
                }
            )

    def save(self, *args: Any, **options: Any) -> None:
        """Save, with an audit record. Django's flags follow the role; a new password or deactivation ends sign-ins."""
        self.is_staff = self.is_superuser = self.may(Ability.MANAGE)
        fields = options.get("update_fields")
        if fields is not None and "role" in fields:
            fields = options["update_fields"] = {*fields, "is_staff", "is_superuser"}
        if fields is not None and set(fields) == {"last_login"}:
            super().save(*args, **options)  # a sign-in has its own record
            return

        def write() -> None:
            before = User.objects.filter(pk=self.pk).first() if self.pk else None
            if before is not None:
                # An instance that was loaded earlier must not restore sign-ins that have been ended meanwhile.
                self.sign_in_generation = before.sign_in_generation
                if self._is_shut_out(before, fields):
                    self._end_sign_ins()
                    if fields is not None:
                        options["update_fields"] = {*fields, "sign_in_generation"}
            super(User, self).save(*args, **options)
            action = Action.USER_CHANGE if before else Action.USER_CREATE
            after = User.objects.get(pk=self.pk)
            record(action, acting(), "user", before=before, after=after)
            # In addition to the change, whose hashes don't say what it was.
            if after.is_adjudicator != (before is not None and before.is_adjudicator):
                appointed = Action.USER_APPOINT if after.is_adjudicator else Action.USER_DISMISS
                record(appointed, acting(), "user", object_id=self.pk)

        all_or_nothing(write)

    def appoint(self, is_adjudicator: bool) -> None:
        """Appoint or dismiss the user as an adjudicator. Raises ValidationError for a role that gives no verdicts."""
        self.is_adjudicator = is_adjudicator
        self.clean()
        self.save(update_fields=["is_adjudicator"])

    def sign_out_everywhere(self, by: User) -> None:
        """End every sign-in of the account, over the API and in the administration; `by` is recorded as the actor."""

        def write() -> None:
            before = User.objects.get(pk=self.pk)
            self._end_sign_ins()
            User.objects.filter(pk=self.pk).update(sign_in_generation=self.sign_in_generation)
            record(Action.SIGN_OUT, by, "user", before=before, after=User.objects.get(pk=self.pk))

        all_or_nothing(write)

    def _is_shut_out(self, before: User, fields: Collection[str] | None) -> bool:
        """Whether saving `fields` (None: all) changes the password or deactivates the account."""
        saved = (
            {"password", "is_active"}.intersection(fields)
            if fields is not None
            else {"password", "is_active"}
        )
        # A password that is only rehashed is saved alone and without set_password (AbstractBaseUser.check_password).
        hashed_anew = fields is not None and set(fields) == {"password"} and self._password is None
        has_new_password = "password" in saved and self.password != before.password and not hashed_anew
        return has_new_password or ("is_active" in saved and before.is_active and not self.is_active)

    def _end_sign_ins(self) -> None:
        """Begin a new generation of sign-ins; it counts once it is saved."""
        # Random, not a counter: after a restored backup, tokens of a later time must not match.
        self.sign_in_generation = secrets.token_hex(8)
        self.refresh_sessions.filter(revoked_at=None).update(revoked_at=clock.now())

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """The hash that a session of the administration is compared with; a new generation ends the session, too."""
        value = f"{self.password} {self.sign_in_generation}"
        return salted_hmac(SESSION_SALT, value, secret=secret, algorithm="sha256").hexdigest()

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Delete the user with all sign-ins, with an audit record. Users with scans or verdicts can't be deleted."""
        key = self.pk

        def write() -> tuple[int, dict[str, int]]:
            record(Action.USER_DELETE, acting(), "user", before=self)
            # By a query: an instance would lose its key in an attempt that is then repeated.
            return User.objects.filter(pk=key).delete()

        return all_or_nothing(write)

    def set_password(self, raw_password: str | None) -> None:
        """Set the hash of the password's normal form."""
        if raw_password is not None and not self.username:
            # Django hashes a password for an unknown name, which must take as long as a wrong password does.
            for written in ways_to_write(raw_password)[1:]:
                make_password(written)
        super().set_password(raw_password if raw_password is None else normal(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the account's password, in any of its normal forms."""
        if raw_password is None:
            return False
        return any(super(User, self).check_password(written) for written in ways_to_write(raw_password))

    @property
    def abilities(self) -> frozenset[Ability]:
        """The abilities of the user."""
        return abilities_of(self.role, self.is_adjudicator)

    def may(self, ability: Ability) -> bool:
        """Whether the user has the ability."""
        return ability in self.abilities


class RefreshSession(models.Model):
    """A refresh token. All tokens of one sign-in share a `family`; a second use of one revokes the family."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_sessions")
    jti = models.CharField("token id", max_length=64, unique=True)
    family = models.CharField(max_length=64, db_index=True)
    began = models.DateTimeField("signed in", null=True, help_text="When somebody gave name and password.")
    created = models.DateTimeField(default=clock.now)
    expires = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    successor = models.CharField(
        max_length=64, blank=True, help_text="Id of the token that was given for it."
    )
    repeated_at = models.DateTimeField(
        null=True, blank=True, help_text="When its successor was given a second time."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created",)
        # A unique index is a partial one, which MongoDB doesn't search by.
        indexes = (models.Index(fields=["jti"], name="session_of_token"),)

    def __str__(self) -> str:
        return f"{self.user} since {self.created:%Y-%m-%d %H:%M}"
