"""The bearer token of API calls."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from webapp.accounts.models import User
from webapp.accounts.tokens import is_good_for


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer ACCESS`. Users who were deactivated or signed out are refused at once."""

    def get_validated_token(self, raw_token: bytes) -> Token:
        """The token; raises InvalidToken, with a message for people."""
        try:
            return super().get_validated_token(raw_token)
        except InvalidToken as error:
            raise InvalidToken(
                "The access token is not valid or has expired. Refresh it, or sign in again."
            ) from error

    def get_user(self, validated_token: Token) -> Any:
        """The token's user. Raises InvalidToken or AuthenticationFailed where there is none, or it is signed out."""
        try:
            user = super().get_user(validated_token)
        except ValidationError as error:  # no id at all
            raise InvalidToken("The access token names no user. Sign in again.") from error
        if not isinstance(user, User) or not is_good_for(user, validated_token):
            raise InvalidToken("The access token's sign-in has ended. Sign in again.")
        return user


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The authentication in the API's description."""

    target_class = "webapp.accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """A JWT in the Authorization header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
