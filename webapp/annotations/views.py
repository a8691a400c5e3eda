"""Annotations over the API."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import asked_id
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.annotations.serializers import AnnotationSerializer
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.holding import hold
from webapp.scans.models import Scan
from webapp.scans.views import ID, visible_scan

IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the revision that you changed.",
)


MAX_SHAPES = 500
"""The most that one author may draw on one scan."""


class ChangedMeanwhile(exceptions.APIException):
    """The annotation was changed by somebody else, or in another window."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "The annotation was changed meanwhile. Load it again; nothing was overwritten."
    default_code = "changed_meanwhile"


class ScanAnnotationsView(APIView):
    """The annotations of one scan."""

    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.READ

    @extend_schema(parameters=[ID], responses=AnnotationSerializer(many=True))
    def get(self, request: Request, id: str) -> Response:
        """What was drawn on the scan, oldest first; what others drew, too, once you and they have given a verdict."""
        user = _user(request)
        drawn = Annotation.objects.of_scan(visible_scan(user, id), user)
        disclose_shapes(user, drawn)
        return Response(AnnotationSerializer(drawn, many=True, context={"request": request}).data)

    @extend_schema(parameters=[ID], request=AnnotationSerializer, responses={201: AnnotationSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Draw a shape."""
        user = _user(request)
        scan = visible_scan(user, id)
        given = AnnotationSerializer(data=request.data, context={"request": request, "scan": scan})
        given.is_valid(raise_exception=True)
        if Annotation.objects.filter(scan=scan, author=user).count() >= MAX_SHAPES:
            raise exceptions.ValidationError(
                {
                    "target": [
                        f"You have drawn {MAX_SHAPES} shapes on this scan, the most that are kept for each reader."
                    ]
                }
            )

        def write() -> Annotation:
            hold(scan.pk)
            annotation = Annotation.objects.create(scan=scan, author=user, **given.validated_data)
            record(Action.ANNOTATION_CREATE, user, "annotation", scan_id=scan.pk, after=annotation)
            return annotation

        try:
            made = all_or_nothing(write)
        except Scan.DoesNotExist as error:  # deleted meanwhile
            raise Http404 from error
        return _answer(request, made, status.HTTP_201_CREATED)


class AnnotationView(APIView):
    """One annotation. Its author or an administrator changes it; administrators reach drafts, too, by their ids."""

    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.READ

    @extend_schema(parameters=[ID], responses=AnnotationSerializer)
    def get(self, request: Request, id: str) -> Response:
        """The annotation."""
        return _answer(request, self._visible(request, id))

    @extend_schema(parameters=[ID, IF_MATCH], request=AnnotationSerializer, responses=AnnotationSerializer)
    def put(self, request: Request, id: str) -> Response:
        """Replace shape, label and comment; with If-Match only if nobody else has changed it."""
        annotation = self._own(request, id)
        context = {"request": request, "scan": annotation.scan}
        given = AnnotationSerializer(data=request.data, context=context)
        given.is_valid(raise_exception=True)
        _check_revision(request, annotation)
        values: dict[str, Any] = {
            **given.validated_data,
            "modified": clock.now(),
            "revision": annotation.revision + 1,
        }
        changed = copy(annotation)
        for name, value in values.items():
            setattr(changed, name, value)

        def write() -> bool:
            still = Annotation.objects.filter(pk=annotation.pk, revision=annotation.revision)
            if not still.update(**values):
                return False
            _record(Action.ANNOTATION_CHANGE, request, annotation, changed)
            return True

        if not all_or_nothing(write):
            raise ChangedMeanwhile
        return _answer(request, changed)

    @extend_schema(parameters=[ID, IF_MATCH], responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Remove the annotation; with If-Match only if nobody else has changed it."""
        annotation = self._own(request, id)
        _check_revision(request, annotation)

        def write() -> bool:
            # The revision again: somebody may have changed it since it was checked.
            still = Annotation.objects.filter(pk=annotation.pk, revision=annotation.revision)
            if not still.delete()[0]:
                return False
            _record(Action.ANNOTATION_DELETE, request, annotation)
            return True

        if not all_or_nothing(write):
            raise ChangedMeanwhile
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _visible(self, request: Request, id: str) -> Annotation:
        user = _user(request)
        key = asked_id(id, user)
        found = Annotation.objects.select_related("scan").filter(pk=key).first() if key else None
        if found is None or not Scan.objects.visible_to(user).filter(pk=found.scan_id).exists():
            raise Http404
        # Administrators clear up what others left behind, drafts included.
        if not found.is_shown_to(user) and not (user.may(Ability.MANAGE) and found.scan.is_open_to(user)):
            raise Http404
        return found

    def _own(self, request: Request, id: str) -> Annotation:
        annotation = self._visible(request, id)
        user = _user(request)
        if annotation.author_id != user.pk and not user.may(Ability.MANAGE):
            raise exceptions.PermissionDenied(
                "Only who drew an annotation, or an administrator, may change it."
            )
        return annotation


def _user(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _record(action: Action, request: Request, before: Annotation, after: Annotation | None = None) -> None:
    record(action, _user(request), "annotation", scan_id=before.scan_id, before=before, after=after)


def _check_revision(request: Request, annotation: Annotation) -> None:
    if request.headers.get("If-Match") not in (None, "*", _etag(annotation)):
        raise ChangedMeanwhile


def _etag(annotation: Annotation) -> str:
    return f'"{annotation.revision}"'


def _answer(request: Request, annotation: Annotation, code: int = status.HTTP_200_OK) -> Response:
    disclose_shapes(_user(request), [annotation])
    data = AnnotationSerializer(annotation, context={"request": request}).data
    return Response(data, status=code, headers={"ETag": _etag(annotation)})
