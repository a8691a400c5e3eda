"""Signing in and out over the API."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts import tokens
from webapp.accounts.models import User
from webapp.accounts.serializers import MeSerializer, RefreshSerializer, SignInSerializer, TokenPairSerializer


class SignInRefused(exceptions.APIException):
    """Wrong name or password; which of the two is nobody's business."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "No active account has this name and password."
    default_code = "sign_in_refused"


class RefreshRefused(exceptions.APIException):
    """A refresh token that can't be used."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "refresh_refused"


class PublicView(APIView):
    """A call that needs no token; one that is sent, stale or not, is not looked at."""

    permission_classes = (AllowAny,)
    authentication_classes = ()


class TokenView(PublicView):
    """Sign in."""

    @extend_schema(request=SignInSerializer, responses=TokenPairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Give an access and a refresh token for a name and password."""
        given = SignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)
        if not isinstance(user, User):
            raise SignInRefused
        # As Django's own sign-in does: it notes the time, and the count of failures begins anew.
        user_logged_in.send(sender=User, request=request._request, user=user)
        return _pair(tokens.issue(user))


class RefreshView(PublicView):
    """Go on."""

    @extend_schema(request=RefreshSerializer, responses=TokenPairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Give the next pair for a refresh token, which is used up by this."""
        try:
            return _pair(tokens.rotate(_given_token(request)))
        except tokens.TokenRefused as error:
            raise RefreshRefused(str(error)) from error


class LogoutView(PublicView):
    """Sign out. The refresh token is proof enough, so it works when the access token has expired."""

    @extend_schema(request=RefreshSerializer, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        """End the sign-in that the refresh token belongs to."""
        tokens.revoke(_given_token(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """Who am I?"""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in user."""
        return Response(MeSerializer(request.user).data)


def _given_token(request: Request) -> str:
    given = RefreshSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    token: str = given.validated_data["refresh"]
    return token


def _pair(pair: tokens.TokenPair) -> Response:
    data: dict[str, Any] = {"access": pair.access, "refresh": pair.refresh}
    return Response(data, headers={"Cache-Control": "no-store"})
