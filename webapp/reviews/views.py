"""Reviews over the API."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.models import User
from webapp.accounts.permissions import ResearchersOnlyRead
from webapp.reviews import reading
from webapp.reviews.serializers import ReviewSerializer
from webapp.scans.views import ID, visible_scan


class ReviewView(APIView):
    """Giving a verdict."""

    permission_classes = (ResearchersOnlyRead,)

    @extend_schema(parameters=[ID], request=ReviewSerializer, responses={201: ReviewSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Agree, disagree with the right label, or be unsure. It becomes your current verdict on the scan."""
        assert isinstance(request.user, User)
        scan = visible_scan(request.user, id)
        context = {"request": request, "scan": scan}
        given = ReviewSerializer(data=request.data, context=context)
        given.is_valid(raise_exception=True)
        review = reading.record(scan, request.user, **given.validated_data)
        return Response(ReviewSerializer(review, context=context).data, status=status.HTTP_201_CREATED)


class ReviewsView(APIView):
    """Reading verdicts."""

    permission_classes = (ResearchersOnlyRead,)

    @extend_schema(parameters=[ID], responses=ReviewSerializer(many=True))
    def get(self, request: Request, id: str) -> Response:
        """All verdicts on the scan, newest first; each reader's last one is `current`."""
        assert isinstance(request.user, User)
        scan = visible_scan(request.user, id)
        context = {"request": request, "scan": scan}
        return Response(ReviewSerializer(scan.reviews.all(), many=True, context=context).data)
