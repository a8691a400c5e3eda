"""Data sets over the API, for administrators."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import check_model, of_own_modalities
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.errors import Unavailable
from webapp.api.throttling import ExportRate, UserRate
from webapp.learning import asking
from webapp.learning.models import DataSet
from webapp.learning.rules import ExportFailed, ExportRefused, Rules
from webapp.learning.serializers import DataSetsSerializer, NewDataSetSerializer
from webapp.scans.disclosure import disclose_everything

MOST_LISTED = 100


class Refused(exceptions.APIException):
    """There is nothing to learn from."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "data_set_refused"


class DataSetsView(APIView):
    """The frozen data sets of this installation, and making one."""

    permission_classes = (NeedsAbility,)
    throttle_classes = (UserRate, ExportRate)
    needed_to_look = needed_to_change = Ability.MANAGE

    @extend_schema(responses=DataSetsSerializer)
    def get(self, request: Request) -> Response:
        """The data sets, newest first, and how far an export has come."""
        assert isinstance(request.user, User)
        return _state(request.user)

    @extend_schema(
        request=NewDataSetSerializer,
        responses={
            202: OpenApiResponse(DataSetsSerializer, "The worker makes it; ask again what has come of it.")
        },
    )
    def post(self, request: Request) -> Response:
        """Freeze the scans whose label is settled as a data set. The worker does it, in seconds to minutes.

        409 (`data_set_refused`) where no label is settled, or all settled scans are of one patient. 503 while another
        export is under way.
        """
        assert isinstance(request.user, User)
        given = NewDataSetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            rules = Rules.given(**given.validated_data)
            check_model(request.user, rules.model)
            disclose_everything(request.user)  # a refusal tells how many scans are settled as what
            asking.ask(rules, request.user)
        except ExportRefused as error:
            raise Refused(str(error)) from error
        except ExportFailed as error:
            raise Unavailable(str(error)) from error
        return _state(request.user, status.HTTP_202_ACCEPTED)


def _state(user: User, code: int = status.HTTP_200_OK) -> Response:
    found = list(of_own_modalities(DataSet.objects.all(), user)[:MOST_LISTED])
    last = asking.last(user)
    if found or last:
        disclose_everything(user)  # counts on few scans tell what was said of each
    shown = {"under_way": asking.is_under_way(), "last": last, "data_sets": found}
    return Response(DataSetsSerializer(shown).data, status=code)
