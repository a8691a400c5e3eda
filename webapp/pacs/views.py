"""Results over the API: taken as DICOM, and how far their sending is."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.negotiation import PictureNegotiation
from webapp.api.throttling import ExportRate, UserRate
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.pacs.models import KINDS, Sending, Status
from webapp.pacs.queue import send_again
from webapp.pacs.results import NoOrigin, NothingToSend, What, make
from webapp.scans.models import Scan
from webapp.scans.views import ID, visible_scan
from webapp.volumes.serializers import lead_of
from webapp.volumes.views import visible_bscans

DICOM = "application/dicom"


class NoResult(exceptions.APIException):
    """There is no such object of a scan."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "There is nothing of this kind."
    default_code = "nothing_to_send"


class ResultView(APIView):
    """What goes back of a scan, as an object of DICOM."""

    permission_classes = (NeedsAbility,)
    needed_to_look = Ability.EXPORT
    content_negotiation_class = PictureNegotiation
    throttle_classes = (UserRate, ExportRate)
    what: str = What.SR

    @extend_schema(
        parameters=[ID],
        responses={
            (200, DICOM): OpenApiResponse(
                OpenApiTypes.BINARY, description="A DICOM file, of the study that it came from."
            ),
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """An object for the PACS: patient and study are those of the file that it came from. You have to see patients.

        409 where that did not come as DICOM, or what belongs to it was not kept (`no_dicom_origin`), and where there is nothing
        of this kind, or nothing that you may know of yet (`nothing_to_send`).
        """
        assert isinstance(request.user, User)
        if not request.user.may(Ability.SEE_PATIENTS):
            raise exceptions.PermissionDenied("It names the patient.")
        return self._sent(self._scan(request.user, id), request.user)

    def _scan(self, user: User, id: str) -> Scan:
        return visible_scan(user, id)

    def _sent(self, scan: Scan, user: User, *, whole: bool = False) -> HttpResponse:
        try:
            written = make(self.what, scan, user, whole=whole)
        except NoOrigin as error:
            raise NoResult(str(error), code="no_dicom_origin") from error
        except NothingToSend as error:
            raise NoResult(str(error)) from error
        except FileNotFoundError as error:
            raise Http404 from error
        record(Action.RESULT_TAKE, user, str(self.what), object_id=scan.pk, scan_id=scan.pk)
        response = HttpResponse(written.content, content_type=DICOM)
        response["Content-Disposition"] = f'attachment; filename="retinote-{scan.pk}-{self.what}.dcm"'
        response["Cache-Control"] = "no-store"
        return response


class VolumeResultView(ResultView):
    """What goes back of a volume."""

    def _scan(self, user: User, id: str) -> Scan:
        return lead_of(visible_bscans(user, id), user)

    def _sent(self, scan: Scan, user: User, *, whole: bool = True) -> HttpResponse:
        # The whole document: that of a list lacks some fields.
        return super()._sent(Scan.objects.get(pk=scan.pk), user, whole=True)


class SendingSerializer(serializers.Serializer[Any]):
    """How far a result is on its way to a destination."""

    destination = serializers.CharField(source="destination.name", read_only=True)
    what = serializers.ChoiceField(choices=KINDS, read_only=True)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    reason = serializers.CharField(
        read_only=True, help_text="Why it failed or still waits; empty where all is well."
    )
    asked = serializers.DateTimeField(read_only=True, help_text="When there was something to send, last.")
    sent = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it was sent last.")


class SendAgainSerializer(serializers.Serializer[Any]):
    """Which result to send again."""

    destination = serializers.CharField(max_length=40, help_text="Its name.")
    what = serializers.ChoiceField(choices=KINDS)


class SendingsView(APIView):
    """What of a scan is sent where."""

    permission_classes = (NeedsAbility,)
    needed_to_look = needed_to_change = Ability.EXPORT

    @extend_schema(parameters=[ID], responses=SendingSerializer(many=True))
    def get(self, request: Request, id: str) -> Response:
        """What of a scan, or of the volume that it belongs to, was sent where, waits, or failed. You have to see patients."""
        return Response(SendingSerializer(_sendings(request, id), many=True).data)

    @extend_schema(
        parameters=[ID], request=SendAgainSerializer, responses={202: SendingSerializer(many=True)}
    )
    def post(self, request: Request, id: str) -> Response:
        """Send a result again, whether or not it has changed or failed."""
        given = SendAgainSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = (given.validated_data["destination"], given.validated_data["what"])
        chosen = [one for one in _sendings(request, id) if (one.destination.name, one.what) == wanted]
        if not chosen:
            raise Http404
        send_again(chosen[0])
        return Response(
            SendingSerializer(_sendings(request, id), many=True).data, status=status.HTTP_202_ACCEPTED
        )


def _sendings(request: Request, id: str) -> list[Sending]:
    assert isinstance(request.user, User)
    scan = visible_scan(request.user, id)
    if not request.user.may(Ability.SEE_PATIENTS):
        raise exceptions.PermissionDenied("It tells of the patient's study.")
    together = list(scan.together().values_list("pk", flat=True))
    found = Sending.objects.filter(scan__in=together).select_related("destination")
    return sorted(found, key=lambda one: (one.destination.name, one.what))
