"""What goes in and out of the sign-in calls."""

from typing import Any

from django_mongodb_extensions.rest_framework import MongoModelSerializer
from rest_framework import serializers

from webapp.accounts.models import User


class SignInSerializer(serializers.Serializer[Any]):
    """A user's name and password."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=256, style={"input_type": "password"}, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = serializers.CharField(max_length=2048)


class TokenPairSerializer(serializers.Serializer[Any]):
    """A pair of tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class MeSerializer(MongoModelSerializer):
    """The signed-in user."""

    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "role", "clinic")
        read_only_fields = fields
