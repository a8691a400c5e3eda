"""Serializers of the calls for signing in, and of the account."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.accounts.abilities import Ability, Role
from webapp.accounts.models import User
from webapp.api.fields import TextField, TrueFalseField, TypedField


class SignInSerializer(serializers.Serializer[Any]):
    """A user's name and password."""

    username = TextField(max_length=150)
    password = TypedField(max_length=256, style={"input_type": "password"}, trim_whitespace=False)
    cookie = TrueFalseField(
        default=False,
        help_text="For pages in a browser: the refresh token comes as a cookie that no script can read.",
    )


class PasswordSerializer(serializers.Serializer[Any]):
    """The password of the signed-in user, once more."""

    password = TypedField(max_length=256, style={"input_type": "password"}, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = TextField(max_length=2048, required=False, help_text="Without it, the cookie's.")


class TokenPairSerializer(serializers.Serializer[Any]):
    """A pair of tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField(required=False, help_text="Not there when it comes as a cookie.")


class MeSerializer(serializers.Serializer[Any]):
    """The signed-in user."""

    id = serializers.CharField()
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    clinic = serializers.CharField()
    abilities = serializers.SerializerMethodField(help_text="All that you may do.")
    may_adjudicate = serializers.SerializerMethodField(help_text="The same as in `abilities`.")
    reads_blind = serializers.BooleanField(
        help_text="Whether a scan's answer is hidden from you until you have given your verdict."
    )

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Ability.choices)))
    def get_abilities(self, user: User) -> list[str]:
        return sorted(user.abilities)

    def get_may_adjudicate(self, user: User) -> bool:
        return user.may(Ability.ADJUDICATE)


class PreferencesSerializer(serializers.Serializer[Any]):
    """The settings of an account that its user decides."""

    reads_blind = TrueFalseField(
        required=False, help_text="Hide each scan's answer from me until I have given my verdict."
    )
