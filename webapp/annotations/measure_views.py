"""How much was drawn, over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.deidentified import DeIdentified, Shown, de_identified, declare
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.models import MOST_MEASURED, shapes_to_measure
from webapp.scans.views import ID, visible_scan

NOT_ASKED = (
    "regions",
    "findings",
    "nearest",
    "caveats",
    "note",
    "recommendation",
    "quality",
    "final_reading",
)

declare(
    dict.fromkeys(
        (
            "measured",
            "drawn",
            "micrometres_between",
            "missing",
            "square_pixels",
            "square_millimetres",
            "cubic_millimetres",
        ),
        Shown.AS_IT_IS,  # what was drawn is de-identified itself
    )
)


class DrawnOnBscanSerializer(DeIdentified, serializers.Serializer[Any]):
    """What was drawn on one B-scan, or on a scan by itself."""

    id = serializers.CharField(source="scan.pk")
    place = serializers.IntegerField(source="scan.place", help_text="In its volume, from 0 on.")
    square_pixels = serializers.FloatField()
    square_millimetres = serializers.FloatField(
        source="square_mm", allow_null=True, help_text="Null where the size of a pixel is not known."
    )


class DrawnSerializer(serializers.Serializer[Any]):
    """What one reader drew with one label; shapes that overlap count once."""

    creator = serializers.CharField()
    creator_name = serializers.CharField()
    mine = serializers.BooleanField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    bscans = DrawnOnBscanSerializer(
        many=True, help_text="In their order; those without a shape are left out."
    )
    cubic_millimetres = serializers.FloatField(
        allow_null=True,
        help_text="The areas, each times the distance between B-scans. Null for a scan by itself, and where the size of a "
        "pixel or the distance is not known.",
    )


class DrawnOnScanSerializer(serializers.Serializer[Any]):
    """How much was drawn on a scan, or on all B-scans of its volume."""

    measured = serializers.BooleanField(
        help_text=f"False where more than {MOST_MEASURED:,} shapes were drawn: none is measured then."
    )
    micrometres_between = serializers.FloatField(
        allow_null=True, help_text="From a B-scan to the next, where they lie parallel and the file says it."
    )
    missing = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Places of B-scans that are missing: they count as empty.",
    )
    drawn = DrawnSerializer(many=True, help_text="Your own first.")


class DrawnView(APIView):
    """How much was drawn on a scan or volume."""

    permission_classes = (NeedsAbility,)

    @extend_schema(parameters=[ID], responses=DrawnOnScanSerializer)
    def get(self, request: Request, id: str) -> Response:
        """The areas that you drew, and those that others did where you may see them; of a B-scan, over its volume.

        Each in pixels, in mm² where the size of a pixel is known, and over a volume in mm³ where the distance of B-scans is.
        """
        # Imported on demand: the geometry takes memory and time to load.
        from webapp.annotations.measures import distance_of, drawn_on

        reader = request.user
        assert isinstance(reader, User)
        scan = visible_scan(reader, id)
        scans = list(scan.together().defer(*NOT_ASKED).order_by("place"))
        shapes = shapes_to_measure(scans, reader)
        found = [] if shapes is None else drawn_on(scans, shapes, scan.volume, reader)
        answer = {
            "measured": shapes is not None,
            "micrometres_between": distance_of(scan.volume),
            "missing": [gap["place"] for gap in scan.volume.gaps] if scan.volume else [],
            "drawn": [
                de_identified(
                    {
                        "creator": str(each.author.pk),
                        "creator_name": shown_name(each.author, reader),
                        "mine": each.author.pk == reader.pk,
                        "label": each.label,
                        "bscans": DrawnOnBscanSerializer(
                            each.bscans, many=True, context={"request": request}
                        ).data,
                        "cubic_millimetres": each.cubic_mm,
                    },
                    reader,
                )
                for each in found
            ],
        }
        return Response(answer)
