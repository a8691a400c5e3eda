"""Readings of people and answers of the model, as the administration shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from webapp.core import numbers
from webapp.recommendations.doubt import with_doubts
from webapp.scans.final import FinalReading
from webapp.scans.findings import kinds_found, names_looked_for
from webapp.scans.models import Prediction, Scan

NOTHING = "–"


class PredictionInline(admin.TabularInline[Prediction, Scan]):
    """All predictions of a scan."""

    model = Prediction
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "predicted_at",
        "said",
        "probability",
        "why",
        "heat_map_of",
        "model_name",
        "model_version",
    )

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They come from the model server."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They are a record."""
        return False

    @admin.display(description="The model said")
    def said(self, prediction: Prediction) -> str:
        """The model's answer in words."""
        return prediction.answer.text

    @admin.display(description="Probability")
    def probability(self, prediction: Prediction) -> str:
        """The probability of the label, where the answer is one."""
        share = numbers.probability(prediction.confidence or 0, decimals=1)
        return with_doubts(share if prediction.answer.names_label else NOTHING, prediction.quality)

    @admin.display(description="Why")
    def why(self, prediction: Prediction) -> str:
        """The reason for the answer's state."""
        return prediction.answer.why or NOTHING

    @admin.display(description="Heat map of")
    def heat_map_of(self, prediction: Prediction) -> str:
        """The label that the heat map explains."""
        return prediction.gradcam_label


class ReadingsAndAnswer:
    """The columns and fields of a scan's page about its readings and the model's answer."""

    @admin.display(description="Final reading")
    def final_label(self, scan: Scan) -> str:
        """The final reading's labels, and how far it is settled."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.state}"

    @admin.display(description="Final reading")
    def final(self, scan: Scan) -> str:
        """The final reading's labels, and who says so."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.source}"

    @admin.display(description="Prediction", ordering="label")
    def prediction(self, scan: Scan) -> str:
        """The model's answer in words; with its probability where it is one label."""
        if not scan.label:
            return NOTHING
        answer = scan.answer
        share = f" {numbers.probability(scan.confidence or 0)}" if answer.names_label else ""
        return with_doubts(f"{answer.text}{share}", scan.quality)

    @admin.display(description="Why")
    def why(self, scan: Scan) -> str:
        """The reason for the answer's state."""
        return scan.answer.why or NOTHING

    @admin.display(description="Familiarity")
    def likeness(self, scan: Scan) -> str:
        """The share of the training scans that are stranger than this one."""
        if scan.familiarity is None:
            return NOTHING
        known = "known" if scan.known else "not known"
        return f"{numbers.percent(scan.familiarity)} of the scans that it learnt from are stranger: {known}"

    @admin.display(description="Most like")
    def likest(self, scan: Scan) -> str:
        """The most similar simulated scans, in words."""
        return "; ".join(scan.nearest or []) or NOTHING

    @admin.display(description="Probabilities")
    def bars(self, scan: Scan) -> SafeString | str:
        """The probabilities of all labels, highest first."""
        # Without an answer the bars would look like one.
        shares = scan.probabilities if scan.answer.is_given else {}
        rows = sorted(shares.items(), key=lambda row: -row[1])
        bar = '<span>{0}</span><meter min="0" max="1" value="{1}"></meter><span>{2}</span>'
        bars = format_html_join(
            "", bar, [(label, value, numbers.probability(value, decimals=1)) for label, value in rows]
        )
        return format_html('<div class="bars">{}</div>', bars) if rows else NOTHING

    @admin.display(description="Sees")
    def sees(self, scan: Scan) -> str:
        """The kinds of findings, each with its share of the picture."""
        if scan.findings is None:
            return NOTHING
        found = [f"{one.name} ({numbers.percent(one.share, 1)})" for one in kinds_found(scan)]
        return "; ".join(found) or f"none of: {', '.join(names_looked_for(scan))}"

    @admin.display(description="Caveats")
    def caveat_texts(self, scan: Scan) -> str:
        """What the model's card says of the predicted labels."""
        return "; ".join(scan.caveats or []) or NOTHING

    @admin.display(description="Image quality")
    def quality_reasons(self, scan: Scan) -> str:
        """The model server's doubts about the picture."""
        if not scan.quality:
            return NOTHING
        return " ".join(scan.doubts) or "acceptable"

    @admin.display(description="Model", ordering="model_version")
    def read_by(self, scan: Scan) -> SafeString | str:
        """The model's name and version, with a link to what is known of the version."""
        if not scan.model_name or not scan.model_version:
            return scan.model_name or NOTHING
        place = reverse("admin:model-version", args=[scan.model_name, scan.model_version])
        return format_html('<a href="{}">{} {}</a>', place, scan.model_name, scan.model_version)

    @admin.display(description="Urgency")
    def urgency(self, scan: Scan) -> str:
        """The urgency of the final reading, else of the model's answer."""
        return str(_leading(scan).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def action(self, scan: Scan) -> str:
        """The next step by the final reading, else by the model's answer."""
        return str(_leading(scan).get("action", NOTHING))

    @admin.display(description="Urgency")
    def model_urgency(self, scan: Scan) -> str:
        """The urgency of the model's answer."""
        return str((scan.recommendation or {}).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def model_action(self, scan: Scan) -> str:
        """The next step by the model's answer."""
        return str((scan.recommendation or {}).get("action", NOTHING))

    @admin.display(description="Reasons")
    def reasons(self, scan: Scan) -> SafeString | str:
        """The reasons of the leading recommendation."""
        return _reasons(_leading(scan))

    @admin.display(description="Reasons")
    def model_reasons(self, scan: Scan) -> SafeString | str:
        """The reasons of the recommendation by the model's answer."""
        return _reasons(scan.recommendation or {})

    @admin.display(description="Sources")
    def sources(self, scan: Scan) -> SafeString | str:
        """The sources of the leading recommendation."""
        return _sources(_leading(scan))

    @admin.display(description="Sources")
    def model_sources(self, scan: Scan) -> SafeString | str:
        """The sources of the recommendation by the model's answer."""
        return _sources(scan.recommendation or {})


def _leading(scan: Scan) -> dict[str, Any]:
    """The leading recommendation: that of the final reading, else of the model's answer; empty without either."""
    if scan.final_reading:
        return FinalReading.stored(scan.final_reading).recommend(scan.model_name, scan.doubts).to_dict()
    return scan.recommendation or {}


def _reasons(recommendation: Mapping[str, Any]) -> SafeString | str:
    said = recommendation.get("reasons", [])
    return format_html_join("", "<div>{}</div>", [(reason,) for reason in said]) or NOTHING


def _sources(recommendation: Mapping[str, Any]) -> SafeString | str:
    found = [
        (format_html('<a href="{}">{}</a>', source["url"], source["title"]),)
        if source["url"]
        else (source["title"],)
        for source in recommendation.get("sources", [])
    ]
    return format_html_join("", "<div>{}</div>", found) or NOTHING
