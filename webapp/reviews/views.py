"""Reviews and adjudications over the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.reviews.serializers import AdjudicationSerializer, ReadingSerializer, ReviewSerializer
from webapp.reviews.summary import summary
from webapp.scans.disclosure import disclose_answers, disclose_readings
from webapp.scans.models import Scan
from webapp.scans.views import ID, visible_scan


class OtherPredictionSeen(exceptions.APIException):
    """A verdict on a prediction that is not the newest any more."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "prediction_changed"


class OtherLead(exceptions.APIException):
    """A verdict on a volume that another B-scan leads by now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "lead_moved"


class ScanReviewsView(APIView):
    """What stands below one scan."""

    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.READ

    def asked_scan(self, request: Request, id: str) -> tuple[Scan, User, dict[str, Any]]:
        """The scan, who asks, and what serializers need; raises Http404 for what the user may not see."""
        assert isinstance(request.user, User)
        scan = visible_scan(request.user, id)
        return scan, request.user, {"request": request, "scan": scan}

    def read_scan(self, request: Request, id: str) -> tuple[Scan, User, dict[str, Any]]:
        """The same for who says something of it: of a volume whose lead is hidden, that is the scan."""
        scan, user, context = self.asked_scan(request, id)
        scan = scan.read_in_place_of(user)
        return scan, user, context | {"scan": scan}


def disclose_reviews(scan: Scan, user: User, reviews: Iterable[Review]) -> None:
    """Note that verdicts are shown to the user: each says what the model said, some what others did."""
    authors = {review.reader_id for review in reviews}
    if authors:
        disclose_answers(user, [scan])
    if authors - {user.pk}:
        disclose_readings(user, [scan.pk])


class ReviewView(ScanReviewsView):
    """Giving a verdict."""

    @extend_schema(parameters=[ID], request=ReviewSerializer, responses={201: ReviewSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Agree, disagree with the right label, or be unsure. It becomes your current verdict on the scan.

        409 (`prediction_changed`) when the scan's newest prediction is not the one that your verdict is on, and, of a verdict
        `of_volume`, 409 (`lead_moved`) when another B-scan stands for the volume by now.
        """
        scan, user, context = self.read_scan(request, id)
        given = ReviewSerializer(data=request.data, context=context)
        try:
            given.is_valid(raise_exception=True)
            review = reading.record(scan, user, **given.validated_data)
        except reading.PredictionChanged as changed:
            scan = visible_scan(user, id)
            disclose_answers(user, [scan])  # which the refusal names
            raise OtherPredictionSeen(str(changed)) from changed
        except reading.LeadMoved as moved:
            raise OtherLead(str(moved)) from moved
        except Scan.DoesNotExist as error:
            raise Http404 from error
        return Response(ReviewSerializer(review, context=context).data, status=status.HTTP_201_CREATED)


class ReviewsView(ScanReviewsView):
    """Looking at verdicts."""

    @extend_schema(parameters=[ID], responses=ReviewSerializer(many=True))
    def get(self, request: Request, id: str) -> Response:
        """Verdicts on the scan, newest first, each reader's last one `current`: your own; all once you gave yours."""
        scan, user, context = self.asked_scan(request, id)
        said = scan.reviews.select_related("reader")
        if not scan.is_open_to(user):
            said = said.filter(reader=user)
        disclose_reviews(scan, user, said)
        return Response(ReviewSerializer(said, many=True, context=context).data)


class ReadingView(ScanReviewsView):
    """How far the readers of a scan agree."""

    @extend_schema(parameters=[ID], responses=ReadingSerializer)
    def get(self, request: Request, id: str) -> Response:
        """The verdicts, their agreement, and how far what was drawn is the same and what the heat map shows."""
        scan, user, context = self.asked_scan(request, id)
        found = summary(scan, user)
        disclose_reviews(scan, user, found["reviews"])
        settled = found["adjudication"]
        if settled is not None and settled.adjudicator_id != user.pk:
            disclose_readings(user, [scan.pk])
        if found["open"]:
            disclose_shapes(user, Annotation.objects.of_scan(scan, user))
        if found["heatmap"]:  # what the model looked at
            disclose_answers(user, [scan])
        return Response(ReadingSerializer(found, context=context).data)


class AdjudicationView(ScanReviewsView):
    """Settling a scan."""

    @extend_schema(parameters=[ID], request=AdjudicationSerializer, responses={201: AdjudicationSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Say which label counts. Nobody's verdict is changed; an earlier adjudication stays, too."""
        scan, user, context = self.read_scan(request, id)
        if not user.may(Ability.ADJUDICATE):
            raise exceptions.PermissionDenied(
                "Only adjudicators settle scans; an administrator can make you one."
            )
        given = AdjudicationSerializer(data=request.data, context=context)
        given.is_valid(raise_exception=True)
        try:
            settled = reading.settle(scan, user, **given.validated_data)
        except Scan.DoesNotExist as error:
            raise Http404 from error
        return Response(AdjudicationSerializer(settled, context=context).data, status=status.HTTP_201_CREATED)
