"""Signing in and out over the API."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, get_user, login
from django.contrib.auth.signals import user_logged_in
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import Token

from webapp.accounts import tokens
from webapp.accounts.authentication import BearerAuthentication
from webapp.accounts.models import User
from webapp.accounts.serializers import (
    MeSerializer,
    PasswordSerializer,
    PreferencesSerializer,
    RefreshSerializer,
    SignInSerializer,
    TokenPairSerializer,
)
from webapp.api.throttling import SignInRate, UserRate
from webapp.audit.sign_ins import signed_out
from webapp.core import clock

COOKIE = "retinote_refresh"
COOKIE_PATH = "/api/v1/auth/"
COOKIE_GRACE = timedelta(seconds=20)
"""How long a browser may take to learn that its cookie was used."""


class SignInRefused(exceptions.APIException):
    """A wrong name or password; the answer does not say which."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "No active account has this name and password."
    default_code = "sign_in_refused"


class PasswordRefused(exceptions.PermissionDenied):
    """The signed-in user gave a wrong password."""

    default_detail = "This is not the password of your account."
    default_code = "password_refused"


class RefreshRefused(exceptions.APIException):
    """A refresh token that can't be used."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "refresh_refused"


class OtherOrigin(exceptions.PermissionDenied):
    """A request that a page of another site made a browser send."""

    default_detail = (
        "The cookie is for this site's own page; other programs send the refresh token in the body."
    )
    default_code = "other_origin"


class PublicView(APIView):
    """A call that needs no token and ignores one that is sent."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    throttle_classes = (SignInRate,)


class TokenView(PublicView):
    """Sign in."""

    @extend_schema(request=SignInSerializer, responses=TokenPairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Give an access and a refresh token for a name and password."""
        given = SignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        by_cookie = given.validated_data.pop("cookie")
        if by_cookie:
            _refuse_other_origins(request)
        user = authenticate(request._request, **given.validated_data)
        if not isinstance(user, User):
            raise SignInRefused
        if by_cookie:
            _end_previous_sign_in(request, user)
        # As Django's own sign-in does: receivers note the time and reset the count of failures.
        user_logged_in.send(sender=User, request=request._request, user=user)
        pair = tokens.issue(user)
        session = request._request.session
        if by_cookie and tokens.SIGN_IN in session:
            session[tokens.SIGN_IN] = pair.family  # the administration ends with this sign-in from now on
        return _pair_response(pair, by_cookie)


class RefreshView(PublicView):
    """Continue a sign-in."""

    @extend_schema(request=RefreshSerializer, responses=TokenPairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Give the next pair for a refresh token, which is used up by this."""
        token, by_cookie = _given_token(request)
        try:
            return _pair_response(
                tokens.rotate(token, COOKIE_GRACE if by_cookie else timedelta(0)), by_cookie
            )
        except tokens.TokenRefused as error:
            raise RefreshRefused(str(error)) from error


class LogoutView(PublicView):
    """Sign out. The refresh token is proof enough, so it works when the access token has expired."""

    @extend_schema(request=RefreshSerializer, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        """End the sign-in that the refresh token belongs to, and the administration's that was opened from it."""
        token, by_cookie = _given_token(request)
        # Before it ends with the sign-in.
        administrator = get_user(request._request) if by_cookie else None
        user = tokens.revoke(token)
        response = Response(status=status.HTTP_204_NO_CONTENT)
        if by_cookie:
            user = user or (administrator if isinstance(administrator, User) else None)
            request._request.session.flush()  # as Django's logout does, without its signal, which would record it twice
            response.delete_cookie(_cookie_name(), path=COOKIE_PATH, samesite="Strict")
        if user:
            signed_out(user)
        return response


class SessionView(APIView):
    """From the page to the administration, with the password once more: an access token alone is not enough."""

    permission_classes = (IsAdminUser,)
    authentication_classes = (BearerAuthentication,)
    throttle_classes = (UserRate, SignInRate)

    @extend_schema(request=PasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Give an administrator the session that the administration's pages ask for."""
        given = PasswordSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        assert isinstance(request.user, User) and isinstance(request.auth, Token)
        # Checked and counted like any sign-in.
        user = authenticate(request._request, username=request.user.username, **given.validated_data)
        if not isinstance(user, User):
            raise PasswordRefused
        request._request.session.flush()  # Django would keep a session that the browser has, and when it ends
        login(request._request, user, backend="django.contrib.auth.backends.ModelBackend")
        request._request.session[tokens.SIGN_IN] = request.auth[tokens.SIGN_IN]
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """The account that is signed in."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in user."""
        return Response(MeSerializer(request.user).data)

    @extend_schema(request=PreferencesSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Change the settings of your account that are yours to decide."""
        assert isinstance(request.user, User)
        given = PreferencesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        for name, value in given.validated_data.items():
            setattr(request.user, name, value)
        if given.validated_data:
            request.user.save(update_fields=list(given.validated_data))
        return Response(MeSerializer(request.user).data)


def _given_token(request: Request) -> tuple[str, bool]:
    """The refresh token of the body, else of the cookie; and whether it is the cookie's."""
    given = RefreshSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    token: str = given.validated_data.get("refresh", "")
    if token:
        return token, False
    _refuse_other_origins(request)
    return request.COOKIES.get(_cookie_name(), ""), True


def _end_previous_sign_in(request: Request, user: User) -> None:
    """End the sign-in and the session that this browser holds: its cookies may be somebody else's.

    The session of the same user stays.
    """
    is_same = get_user(request._request) == user  # before the session ends with the sign-in
    before = tokens.revoke(request.COOKIES.get(_cookie_name(), ""))
    if before:
        signed_out(before)
    if not is_same:
        request._request.session.flush()


def _cookie_name() -> str:
    """The name of the cookie; behind TLS with the prefix that keeps others from setting it without TLS."""
    return f"__Secure-{COOKIE}" if settings.HTTPS else COOKIE


def _refuse_other_origins(request: Request) -> None:
    """Raise OtherOrigin for what a browser sends for another site's page. Programs send neither header."""
    fetched_by = request.headers.get("Sec-Fetch-Site")
    if fetched_by:
        if fetched_by != "same-origin":
            raise OtherOrigin
        return
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    if origin and origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise OtherOrigin


def _pair_response(pair: tokens.TokenPair, by_cookie: bool) -> Response:
    data: dict[str, Any] = {"access": pair.access}
    response = Response(data, headers={"Cache-Control": "no-store"})
    if by_cookie:
        response.set_cookie(
            _cookie_name(),
            pair.refresh,
            max_age=pair.refresh_expires - clock.now(),
            path=COOKIE_PATH,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Strict",
        )
    else:
        data["refresh"] = pair.refresh
    return response
