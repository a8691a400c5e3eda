"""Scans over the API: upload, list, look, predict again, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import FileResponse, Http404, HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from imaging.errors import Busy, ImageError
from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import asked_id, de_identified
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.errors import Unavailable
from webapp.api.negotiation import PictureNegotiation
from webapp.api.parsers import JSONParser, MultiPartParser
from webapp.api.throttling import UploadRate, UserRate
from webapp.api.turns import in_turn
from webapp.inference.model_server import ImageRefused, ModelUnavailable, UnknownVersion
from webapp.metrics import instruments
from webapp.scans import prediction, room
from webapp.scans.correction import correct
from webapp.scans.deletion import delete_scan
from webapp.scans.disclosure import disclose, disclose_all_answers, disclose_answers
from webapp.scans.filters import ScanFilter
from webapp.scans.modality import corrected
from webapp.scans.models import Scan, ScanQuerySet, Status, reads_blind
from webapp.scans.pictures import send_overlay, send_picture, send_thumbnail
from webapp.scans.request_serializers import (
    DetailsSerializer,
    RepredictSerializer,
    UploadSerializer,
    taken_given,
)
from webapp.scans.serializers import CountSerializer, ScanSerializer, UploadedSerializer
from webapp.scans.upload import Upload
from webapp.scans.worklist import Ordering, WorklistPages
from webapp.volumes.receiving import receive_file

ID = OpenApiParameter("id", OpenApiTypes.STR, OpenApiParameter.PATH)
PICTURE = OpenApiResponse(OpenApiTypes.BINARY, description="The picture's bytes.")
# Orders that reveal something about answers or others' readings.
TELLING = (Ordering.URGENT, Ordering.UNCERTAIN, Ordering.DISPUTED, Ordering.STATE, Ordering.USEFUL)
BLIND_ORDER = (
    f"You read blind: this order would tell what is hidden. Use {Ordering.NEWEST}, or end reading blind."
)
PNG, JPEG = (200, "image/png"), (200, "image/jpeg")


def picture(view: Callable[..., Any]) -> Any:
    """A call below a scan that sends a picture."""
    # One `action` for each: calls that share one would share its description, too.
    made = action(
        detail=True, filterset_class=None, pagination_class=None, content_negotiation_class=PictureNegotiation
    )
    return made(view)


class ImageError4xx(exceptions.APIException):
    """An upload that is no usable image, with the code and status that say why."""

    def __init__(self, error: ImageError) -> None:
        super().__init__(error.message, code=error.code)
        self.status_code = error.status


class PartOfVolume(exceptions.APIException):
    """A B-scan can't be deleted from its volume."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "part_of_volume"
    default_detail = (
        "This B-scan is part of a volume. Delete the volume (DELETE volumes/{id}/), and all of it is gone."
    )


class VisibleScansViewSet(GenericViewSet[Scan]):
    """The base of views of scans: it starts from the scans that the user may see, and notes lists as shown."""

    queryset = Scan.objects.none()
    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.UPLOAD
    filterset_class = ScanFilter

    def get_queryset(self) -> ScanQuerySet:
        """The scans that the user may see; any other is not found."""
        user = self.request.user
        return Scan.objects.visible_to(user) if isinstance(user, User) else Scan.objects.none()

    def get_object(self) -> Scan:
        """The scan of the address. Raises Http404."""
        assert isinstance(self.request.user, User)
        return visible_scan(self.request.user, self.kwargs["pk"])

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        """A page of a list, noted as shown."""
        page = super().paginate_queryset(queryset)
        assert isinstance(self.request.user, User)
        prefetch_related_objects([scan for scan in page or [] if scan.volume_id], "volume")
        disclose(self.request.user, page or [])
        return page


def visible_scan(user: User, scan_id: str) -> Scan:
    """The scan of that id if the user may see it; raises Http404 otherwise."""
    key = asked_id(scan_id, user)
    scan = Scan.objects.visible_to(user).filter(pk=key).first() if key else None
    if scan is None:
        raise Http404
    return scan


def answer_to_upload(received: Upload, request: Request) -> Response:
    """What whoever uploads is told of what became of it, noted as shown."""
    assert isinstance(request.user, User)
    scan = received.scan
    if not received.is_noted:
        disclose(request.user, [scan])
    data = dict(ScanSerializer(scan, context={"request": request}).data)
    code: int = status.HTTP_202_ACCEPTED if scan.status == Status.QUEUED else status.HTTP_201_CREATED
    said = {"differences": [asdict(difference) for difference in received.differing]}
    data |= de_identified(said, request.user)
    if not received.created:
        data["duplicate"] = True
        code = status.HTTP_200_OK
    instruments.UPLOADS.labels(scan.status if received.created else "duplicate").inc()
    return Response(data, status=code, headers={"Location": f"{reverse('scan-list')}{data['id']}/"})


@extend_schema_view(
    list=extend_schema(description="The scans you may see, newest first or as `ordering` says."),
    retrieve=extend_schema(parameters=[ID]),
    destroy=extend_schema(
        parameters=[ID],
        description="Delete a scan with all that belongs to it. 409 (`part_of_volume`) for a B-scan of a volume, which is "
        "deleted as a whole.",
    ),
)
class ScanViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    VisibleScansViewSet,
):
    """Uploaded pictures and their predictions."""

    serializer_class = ScanSerializer
    pagination_class = WorklistPages
    lookup_value_regex = "[0-9a-f]{24}"
    throttle_classes = (UserRate, UploadRate)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of scans; who reads blind gets them in no order that depends on what is hidden."""
        assert isinstance(request.user, User)
        if request.query_params.get("ordering") in TELLING:
            if reads_blind(request.user):
                raise exceptions.ValidationError({"ordering": [BLIND_ORDER]})
            disclose_all_answers(request.user)
        return super().list(request, *args, **kwargs)

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """What a form has to ask for, else what a scan looks like."""
        if self.request is not None and self.request.method == "POST":
            return RepredictSerializer if self.detail else UploadSerializer
        return ScanSerializer

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: OpenApiResponse(UploadedSerializer, description="Stored and predicted."),
            200: OpenApiResponse(UploadedSerializer, description="You have uploaded this file before."),
            202: OpenApiResponse(
                UploadedSerializer, description="Stored; predicted when the model server is back."
            ),
        },
    )
    @in_turn
    def create(self, request: Request) -> Response:
        """Upload a picture, or a file that is a volume, and have it predicted by the model of its modality.

        Which that is, `modality` says, else the file, else the picture itself. 400 with the code `modality_unclear` where
        none of them shows it, and with `other_modality` for a picture that is of another one than it came as; then nothing
        is stored, and `fields.modality` has the names to send it with. Of a volume the answer is the B-scan that stands for it, once that is predicted; the others follow.
        """
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        entered: dict[str, Any] = dict(given.validated_data)
        assert isinstance(request.user, User)
        file, said = entered.pop("image"), taken_given(entered)
        try:
            received = receive_file(request.user, file, entered, said)
        except ImageError as error:
            instruments.UPLOADS.labels("refused").inc()
            raise ImageError4xx(error) from error
        except Busy as error:
            raise room.NoRoom(error.message) from error
        return answer_to_upload(received, request)

    @property
    def parser_classes(self) -> Sequence[type[BaseParser]]:  # type: ignore[override]
        """Uploads are forms, in the browsable API, too; everything else is JSON."""
        uploads = getattr(self, "action_map", {}).get("post") == "create"
        return (MultiPartParser,) if uploads else (JSONParser,)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What is known of the scan."""
        return Response(self._shown(self.get_object()).data)

    def perform_destroy(self, instance: Scan) -> None:
        """Remove documents and files."""
        user = self._check_may_change(instance)
        if instance.volume_id:
            raise PartOfVolume
        delete_scan(instance, user)

    @extend_schema(parameters=[ID], request=DetailsSerializer, responses=ScanSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Correct what was said of the scan when it was uploaded; of a B-scan, what was said of its whole volume."""
        scan = self.get_object()
        user = self._check_may_change(scan)
        given = DetailsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data:
            scan = correct(scan, user, corrected(scan, given.validated_data))
        return Response(self._shown(scan).data)

    @extend_schema(responses=CountSerializer, filters=True)
    @action(detail=False, pagination_class=None)
    def count(self, request: Request) -> Response:
        """How many scans the same filters find as in the list."""
        return Response({"count": self.filter_queryset(self.get_queryset()).order_by().count()})

    @extend_schema(parameters=[ID], responses={PNG: PICTURE})
    @picture
    def image(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """The scan itself."""
        return send_picture(request, self.get_object().image_name)

    @extend_schema(parameters=[ID], responses={PNG: PICTURE})
    @picture
    def deep(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """The scan's own values, in grey of 16 bits, to be looked at through other windows; 404 where there are none."""
        return send_picture(request, self.get_object().deep_name)

    @extend_schema(parameters=[ID], responses={JPEG: PICTURE})
    @picture
    def thumbnail(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """The scan, small and in grey, for lists."""
        return send_thumbnail(request, self.get_object().image_name)

    @extend_schema(parameters=[ID], responses={PNG: PICTURE, JPEG: PICTURE})
    @picture
    def overlay(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """The scan with its heat map in colour."""
        return send_overlay(request, self._answered(request))

    @extend_schema(parameters=[ID], responses={PNG: PICTURE})
    @picture
    def heatmap(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """The heat map alone, in grey: 255 is strongest."""
        return send_picture(request, self._answered(request).heatmap_name)

    @extend_schema(parameters=[ID], responses={PNG: PICTURE})
    @picture
    def findings(self, request: Request, pk: str) -> FileResponse | HttpResponse:
        """What the model thinks it sees where: 0 for nothing, n for the n-th of the scan's `findings.kinds`."""
        return send_picture(request, self._answered(request).findings_name or "")

    @extend_schema(parameters=[ID], request=RepredictSerializer, responses={201: ScanSerializer})
    @action(detail=True, methods=["post"], filterset_class=None, pagination_class=None)
    def predictions(self, request: Request, pk: str) -> Response:
        """Predict again: by another version, or with the heat map of another label. Earlier answers are kept."""
        scan = self.get_object()
        given = RepredictSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        version, label = given.validated_data.get("version", ""), given.validated_data.get("label", "")
        try:
            with room.taken_for(scan.image_name):
                prediction.predict_again(scan, version, label)
        except UnknownVersion as error:
            raise exceptions.ValidationError({"version": [error.message]}) from error
        except ImageRefused as error:
            field = "label" if label else "image"
            raise exceptions.ValidationError({field: [error.message]}) from error
        except ModelUnavailable as error:
            raise Unavailable(
                "The model server can't answer at the moment. Try again in a minute."
            ) from error
        except FileNotFoundError as error:
            raise Http404 from error
        return Response(self._shown(scan).data, status=201)

    def _shown(self, scan: Scan) -> ScanSerializer:
        """The scan as it is sent, noted as shown."""
        assert isinstance(self.request.user, User)
        disclose(self.request.user, [scan])
        return ScanSerializer(scan, context=self.get_serializer_context())

    def _answered(self, request: Request) -> Scan:
        """The scan, noted as shown with its answer; a copy without the answer while that is hidden."""
        assert isinstance(request.user, User)
        scan = self.get_object()
        disclose_answers(request.user, [scan])
        return scan.as_shown_to(request.user)

    def _check_may_change(self, scan: Scan) -> User:
        user = self.request.user
        if not isinstance(user, User) or not scan.may_be_changed_by(user):
            raise exceptions.PermissionDenied(
                "Only who uploaded a scan, or an administrator, may change or delete it."
            )
        return user
