"""Local calibration over the API, for those who may calibrate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import of_own_modalities, own_models
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.errors import Unavailable
from webapp.api.throttling import ExportRate, UserRate
from webapp.calibration import profiles
from webapp.calibration.evidence import CalibrationRefused
from webapp.calibration.models import CalibrationProfile
from webapp.calibration.serializers import (
    CalibrationSerializer,
    NewCalibrationSerializer,
    UndoneCalibrationSerializer,
    WhichCalibrationSerializer,
    in_use,
)
from webapp.core import modalities
from webapp.inference.model_server import ModelUnavailable
from webapp.scans.disclosure import disclose_everything

MOST_LISTED = 100
"""The newest are listed."""


class Refused(exceptions.APIException):
    """The scans are too few or too much alike, or there is nothing to take back."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "calibration_refused"


@contextmanager
def _errors_as_answers() -> Iterator[None]:
    """Turn the errors of a calibration into answers of the API."""
    try:
        yield
    except CalibrationRefused as error:
        raise Refused(str(error)) from error
    except (ModelUnavailable, profiles.CalibrationFailed) as error:
        raise Unavailable(str(error)) from error


def _model_for(user: User, asked: str) -> str:
    """The model that was asked for, or the first of the user's. Raises PermissionDenied for one of others."""
    own = own_models(user)
    if not asked and own:
        return own[0]
    if asked in modalities.models() and asked not in own or not own:
        raise exceptions.PermissionDenied("You do not work with the modality of this model.")
    return asked


class CalibrationsView(APIView):
    """The local calibrations of this installation, and making one."""

    permission_classes = (NeedsAbility,)
    throttle_classes = (UserRate, ExportRate)
    needed_to_look = needed_to_change = Ability.CALIBRATE

    @extend_schema(responses=CalibrationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The calibrations, newest first, the last 100 of them."""
        assert isinstance(request.user, User)
        made = of_own_modalities(CalibrationProfile.objects.all(), request.user)
        found = list(made[:MOST_LISTED])
        if found:
            disclose_everything(request.user)  # counts and metrics on few scans tell what was said of each
        return Response(CalibrationSerializer(found, many=True, context=in_use()).data)

    @extend_schema(
        request=NewCalibrationSerializer,
        responses={
            200: OpenApiResponse(CalibrationSerializer, "What a calibration would be; nothing was stored."),
            201: OpenApiResponse(CalibrationSerializer, "It is stored, and in use from the next second on."),
        },
    )
    def post(self, request: Request) -> Response:
        """Fit temperature, sets and familiarity to the verified scans; the weights stay as they are.

        409 (`calibration_refused`) where the scans are too few, of too few patients, or all of one label.
        """
        assert isinstance(request.user, User)
        given = NewCalibrationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        disclose_everything(request.user)
        with _errors_as_answers():
            model = _model_for(request.user, given.validated_data["model"])
            if given.validated_data["dry_run"]:
                tried = profiles.propose(model).document(request.user)
                return Response(CalibrationSerializer(tried, context=in_use()).data)
            made = profiles.calibrate(request.user, model)
        return Response(CalibrationSerializer(made, context=in_use()).data, status=status.HTTP_201_CREATED)


class UndoCalibrationView(APIView):
    """Taking a calibration back."""

    permission_classes = (NeedsAbility,)
    needed_to_look = needed_to_change = Ability.CALIBRATE

    @extend_schema(request=WhichCalibrationSerializer, responses=UndoneCalibrationSerializer)
    def post(self, request: Request) -> Response:
        """Take back a model's calibration in use; the one before it is in use again, or the model's card.

        409 (`calibration_refused`) where none is in use, or another one than is named.
        """
        assert isinstance(request.user, User)
        given = WhichCalibrationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        disclose_everything(request.user)
        with _errors_as_answers():
            model = _model_for(request.user, given.validated_data["model"])
            undone, used = profiles.undo(request.user, model, given.validated_data["name"])
        told = UndoneCalibrationSerializer({"undone": undone, "in_use": used}, context=in_use())
        return Response(told.data)
