"""Final readings and recommendations as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.accounts.models import User
from webapp.api.output import OutputSerializer
from webapp.recommendations.rules import needs_review
from webapp.scans.final import By, final_reading
from webapp.scans.models import Scan


class SourceSerializer(OutputSerializer):
    """A publication behind a recommendation."""

    title = serializers.CharField()
    url = serializers.CharField(allow_null=True)


class RecommendationSerializer(OutputSerializer):
    """The next step, with its reasons and sources."""

    urgency = serializers.CharField()
    action = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    sources = SourceSerializer(many=True)
    version = serializers.CharField()
    needs_review = serializers.SerializerMethodField(
        help_text="True where there is no tier: a clinician has to look at the scan."
    )

    def get_needs_review(self, recommendation: dict[str, Any]) -> bool:
        return needs_review(recommendation)


class FinalReadingSerializer(OutputSerializer):
    """The final reading of a scan that people have read. The model's answer stays in the scan's own fields."""

    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="Null while readers name different labels."
    )
    by = serializers.ChoiceField(choices=By.choices)
    labels = serializers.ListField(
        child=serializers.CharField(), help_text="Of a dispute, all that are named."
    )
    readers = serializers.IntegerField(help_text="How many name the label today; 0 where it was settled.")
    independent = serializers.IntegerField(
        help_text="How many of them named it independently; 0 where somebody said otherwise then, or was unsure."
    )
    verified = serializers.BooleanField(
        help_text="Whether it may be learned from: settled, or named independently by as many readers as this "
        "installation wants (`RETINOTE_VERIFYING_READERS`, 2 unless set)."
    )
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="Who says so, in words."
    )
    recommendation = RecommendationSerializer()
    urgency_rank = serializers.IntegerField(help_text="As the scan's, of this recommendation.")


def shown_final_reading(scan: Scan, reader: User) -> dict[str, Any] | None:
    """The final reading with the next step that follows from it; None while the reader may not know it."""
    final = final_reading(scan, reader)
    if final is None:
        return None
    recommended = final.recommend(scan.model_name, scan.doubts)
    shown = {
        **final.to_dict(),
        "label": final.label or None,
        "verified": final.verified,
        "source": final.source,
        "recommendation": recommended.to_dict(),
        "urgency_rank": recommended.rank,
    }
    return dict(FinalReadingSerializer(shown).data)
