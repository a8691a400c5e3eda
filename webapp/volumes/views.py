"""Volumes over the API: upload, look, delete."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imaging.errors import Busy, ImageError
from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import asked_id
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.negotiation import PictureNegotiation
from webapp.api.parsers import SeveralFilesParser
from webapp.api.throttling import UploadRate, UserRate
from webapp.api.turns import in_turn
from webapp.metrics import instruments
from webapp.scans import room
from webapp.scans.deletion import delete_scan
from webapp.scans.disclosure import disclose
from webapp.scans.models import Scan
from webapp.scans.pictures import send_picture
from webapp.scans.request_serializers import taken_given
from webapp.scans.serializers import UploadedSerializer
from webapp.scans.views import PICTURE, PNG, ImageError4xx, answer_to_upload
from webapp.volumes import receiving
from webapp.volumes.models import Volume
from webapp.volumes.serializers import VolumeSerializer, VolumeUploadSerializer, lead_of

ID = OpenApiParameter("id", OpenApiTypes.STR, OpenApiParameter.PATH)
NOT_TOLD = ("regions", "findings", "nearest", "caveats", "note", "final_reading")
"""What a list of a volume's B-scans doesn't say of each, and what is most of a document."""


def visible_bscans(user: User, volume_id: str) -> list[Scan]:
    """The B-scans of the volume of that id, in their order, if the user may see it; raises Http404 otherwise."""
    key = asked_id(volume_id, user)
    visible = Scan.objects.visible_to(user).defer(*NOT_TOLD)
    found = list(visible.filter(volume=key).order_by("place")) if key else []
    if not found:
        raise Http404
    return found


class VolumesView(APIView):
    """Where volumes come in."""

    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.UPLOAD
    parser_classes = (SeveralFilesParser,)
    throttle_classes = (UserRate, UploadRate)

    @extend_schema(
        request={"multipart/form-data": VolumeUploadSerializer},
        responses={
            201: OpenApiResponse(
                UploadedSerializer, description="Stored; the B-scan in the middle is predicted."
            ),
            200: OpenApiResponse(UploadedSerializer, description="You have uploaded this volume before."),
            202: OpenApiResponse(
                UploadedSerializer, description="Stored; predicted when the model server is back."
            ),
        },
    )
    @in_turn
    def post(self, request: Request) -> Response:
        """Upload a volume, as one file or as a file for each B-scan, and have it predicted.

        The answer is the B-scan that stands for it, once that is predicted; `volumes/{id}/` tells how far the others are.
        """
        assert isinstance(request.user, User)
        given = VolumeUploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        entered: dict[str, Any] = dict(given.validated_data)
        files, said = entered.pop("image"), taken_given(entered)
        try:
            with room.taken(receiving.room_for(sum(file.size for file in files))) as held:
                named = [(file.name or "", file.read()) for file in files]
                received = receiving.receive(request.user, named, entered, said, held)
        except ImageError as error:
            instruments.UPLOADS.labels("refused").inc()
            raise ImageError4xx(error) from error
        except Busy as error:
            raise room.NoRoom(error.message) from error
        return answer_to_upload(received, request)


class VolumeView(APIView):
    """One volume."""

    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.UPLOAD

    @extend_schema(parameters=[ID], responses=VolumeSerializer)
    def get(self, request: Request, id: str) -> Response:
        """How its B-scans lie, what the model says of it, and how far each of them is."""
        assert isinstance(request.user, User)
        volume, scans = _read_volume(request.user, id)
        disclose(request.user, scans)
        return Response(VolumeSerializer(volume, context={"request": request, "scans": scans}).data)

    @extend_schema(parameters=[ID], responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Delete a volume with all its B-scans, and all that belongs to them."""
        assert isinstance(request.user, User)
        lead = lead_of(visible_bscans(request.user, id), request.user)
        if not lead.may_be_changed_by(request.user):
            raise exceptions.PermissionDenied(
                "Only who uploaded a volume, or an administrator, may delete it."
            )
        delete_scan(lead, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EnfaceView(APIView):
    """The en-face image of a volume."""

    permission_classes = (NeedsAbility,)
    content_negotiation_class = PictureNegotiation

    @extend_schema(parameters=[ID], responses={PNG: PICTURE})
    def get(self, request: Request, id: str) -> FileResponse | HttpResponse:
        """The en-face image, on which `places` has the lines of the B-scans."""
        assert isinstance(request.user, User)
        key = asked_id(id, request.user)
        lead = (
            Scan.objects.visible_to(request.user).leading_for(request.user).filter(volume=key).first()
            if key
            else None
        )
        if lead is None:
            raise Http404
        return send_picture(request, _volume_of([lead]).enface_name)


def _read_volume(user: User, volume_id: str) -> tuple[Volume, list[Scan]]:
    """A volume and its B-scans, if the user may see it; raises Http404 otherwise.

    The volume is read first. The worker predicts the B-scans, then chooses the one that leads, then calls the volume
    complete: read the other way round, B-scans from before would come with a volume that says that they are the last word.
    """
    key = asked_id(volume_id, user)
    volume = Volume.objects.filter(pk=key).first() if key else None
    scans = visible_bscans(user, volume_id)
    if volume is None:
        raise Http404
    return volume, scans


def _volume_of(scans: list[Scan]) -> Volume:
    volume = Volume.objects.filter(pk=scans[0].volume_id).first()
    if volume is None:  # deleted meanwhile
        raise Http404
    return volume
