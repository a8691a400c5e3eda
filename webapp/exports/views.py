"""Exports over the API."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import asked_id
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.fields import PatternField, TrueFalseField
from webapp.api.throttling import ExportRate, UserRate
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.audit.viewing import asked
from webapp.exports.records import Record, records
from webapp.scans.filters import ScanFilter
from webapp.scans.models import Scan, ScanQuerySet

FORMATS = ("csv", "coco", "w3c", "folders")
MOST_SCANS = {"csv": 50_000}
MOST_PICTURES = 5_000


class ExportSerializer(serializers.Serializer[Any]):
    """Which scans, and in which form."""

    format = serializers.ChoiceField(
        choices=FORMATS,
        help_text="`csv`: a table. The others are ZIP files with pictures: `coco` and `w3c` with what was drawn, "
        "`folders` with a folder per verified label and a manifest with the patients' pseudonyms, for each modality apart.",
    )
    scans = serializers.ListField(
        child=PatternField("^[0-9a-f]{24}$", says="An id has 24 digits and letters from a to f."),
        required=False,
        min_length=1,
        max_length=MOST_PICTURES,
        help_text="Ids; without them, all that the filters of the address find.",
    )
    with_text = TrueFalseField(
        default=False,
        help_text="Include pictures whose pixels may hold text, such as a name, once you have looked at them: without it "
        "they are left out, and `left-out.csv` lists them with the reason.",
    )


class ExportView(GenericAPIView[Scan]):
    """Exports of de-identified scans, of those that the user may see."""

    queryset = Scan.objects.none()
    serializer_class = ExportSerializer
    filterset_class = ScanFilter
    permission_classes = (NeedsAbility,)
    needed_to_change = Ability.EXPORT
    throttle_classes = (UserRate, ExportRate)

    @extend_schema(
        filters=True,
        request=ExportSerializer,
        responses={
            # Generated clients read an answer as the first type that they know: a table is bytes, too.
            (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="A file."),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="A table, for `csv`."),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        """De-identified scans with predictions, verdicts and shapes, as far as you may know them."""
        assert isinstance(request.user, User)
        given = ExportSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        export_format = given.validated_data["format"]
        visible = Scan.objects.visible_to(request.user)
        ids = given.validated_data.get("scans")
        most = MOST_SCANS.get(export_format, MOST_PICTURES)
        # One above the limit is enough to refuse.
        found = list(
            _named(visible, [asked_id(key, request.user) for key in ids])
            if ids is not None
            else self.filter_queryset(visible)[: most + 1]
        )
        if len(found) > most:
            raise exceptions.ValidationError(
                {"scans": [f"These are more than {most:,} scans, the most in one export. Narrow the list."]}
            )
        if not found:
            raise exceptions.ValidationError({"scans": ["There is no scan to export."]})
        with_text = given.validated_data["with_text"]
        response = _answer(export_format, records(found, request.user), with_text)
        handed_out: dict[str, Any] = {
            "format": export_format,
            "scans": sorted(str(scan.pk) for scan in found),
        }
        if with_text:
            handed_out["with_text"] = True
        record(
            Action.EXPORT_CREATE,
            request.user,
            "export",
            scan_ids=handed_out["scans"],
            asked=asked(request),
            after=canonical_sha256(handed_out),
        )
        return response


def _named(visible: ScanQuerySet, ids: list[str]) -> ScanQuerySet:
    wanted = {ObjectId(key) for key in ids}
    found = visible.filter(pk__in=list(wanted))
    missing = len(wanted) - found.count()
    if missing:
        raise exceptions.ValidationError(
            {"scans": [f"{missing} of the {len(wanted)} scans do not exist, or you may not see them."]}
        )
    return found


def _answer(export_format: str, found: list[Record], with_text: bool) -> HttpResponseBase:
    # Imported on demand: the geometry takes memory and time to load.
    from webapp.exports import archives, formats

    response: HttpResponseBase
    if export_format == "csv":
        response = HttpResponse(formats.table(found), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="retinote-scans.csv"'
    else:
        file = archives.archive(export_format, found, with_text)
        response = FileResponse(file, content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="retinote-{export_format}.zip"'
    response["Cache-Control"] = "no-store"
    return response
