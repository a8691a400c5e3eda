"""What the model and people say of a scan, as the administration shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from webapp.core import numbers
from webapp.recommendations.doubt import with_doubts
from webapp.scans.final import FinalReading
from webapp.scans.findings import kinds, kinds_found, name_of
from webapp.scans.models import Prediction, Scan

NOTHING = "–"


class PredictionInline(admin.TabularInline[Prediction, Scan]):
    """Everything that was ever predicted of a scan."""

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
        """As far as it did."""
        return prediction.answer.text

    @admin.display(description="Probability")
    def probability(self, prediction: Prediction) -> str:
        """Of the label, where the model has said one."""
        share = numbers.probability(prediction.confidence or 0, decimals=1)
        return with_doubts(share if prediction.answer.names_label else NOTHING, prediction.quality)

    @admin.display(description="Why")
    def why(self, prediction: Prediction) -> str:
        """Why it says so much and no more."""
        return prediction.answer.why or NOTHING

    @admin.display(description="Heat map of")
    def heat_map_of(self, prediction: Prediction) -> str:
        """The label that the heat map explains."""
        return prediction.gradcam_label


class ReadingsAndAnswer:
    """The columns and fields of a scan's page that follow from its readings and from the model's answer."""

    @admin.display(description="Final reading")
    def final_label(self, scan: Scan) -> str:
        """What leads where people have read the scan, and how far it is settled."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.state}"

    @admin.display(description="Final reading")
    def final(self, scan: Scan) -> str:
        """What leads where people have read the scan, and who says so."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.source}"

    @admin.display(description="Prediction", ordering="label")
    def prediction(self, scan: Scan) -> str:
        """What the model says, as far as it does; where it is one label, with its probability."""
        if not scan.label:
            return NOTHING
        answer = scan.answer
        share = f" {numbers.probability(scan.confidence or 0)}" if answer.names_label else ""
        return with_doubts(f"{answer.text}{share}", scan.quality)

    @admin.display(description="Why")
    def why(self, scan: Scan) -> str:
        """Why the model says so much and no more."""
        return scan.answer.why or NOTHING

    @admin.display(description="Familiarity")
    def likeness(self, scan: Scan) -> str:
        """How many of the scans that the model learnt from are stranger."""
        if scan.familiarity is None:
            return NOTHING
        known = "known" if scan.known else "not known"
        return f"{numbers.percent(scan.familiarity)} of the scans that it learnt from are stranger: {known}"

    @admin.display(description="Most like")
    def likest(self, scan: Scan) -> str:
        """Simulated scans, in words."""
        return "; ".join(scan.nearest or []) or NOTHING

    @admin.display(description="Probabilities")
    def bars(self, scan: Scan) -> SafeString | str:
        """All labels, most probable first."""
        # Where the model has not answered they would look like an answer.
        shares = scan.probabilities if scan.answer.is_given else {}
        rows = sorted(shares.items(), key=lambda row: -row[1])
        bar = '<span>{0}</span><meter min="0" max="1" value="{1}"></meter><span>{2}</span>'
        bars = format_html_join(
            "", bar, [(label, value, numbers.probability(value, decimals=1)) for label, value in rows]
        )
        return format_html('<div class="bars">{}</div>', bars) if rows else NOTHING

    @admin.display(description="Sees")
    def sees(self, scan: Scan) -> str:
        """What the model thinks it sees, and how much of the picture that takes."""
        if scan.findings is None:
            return NOTHING
        found = [f"{one.name} ({numbers.percent(one.share, 1)})" for one in kinds_found(scan.findings)]
        return "; ".join(found) or f"none of: {', '.join(map(name_of, kinds(scan.findings)))}"

    @admin.display(description="Caveats")
    def caveat_texts(self, scan: Scan) -> str:
        """What the model's card says of the predicted labels."""
        return "; ".join(scan.caveats or []) or NOTHING

    @admin.display(description="Image quality")
    def quality_reasons(self, scan: Scan) -> str:
        """What the model server said of the image."""
        if not scan.quality:
            return NOTHING
        return " ".join(scan.doubts) or "acceptable"

    @admin.display(description="Model", ordering="model_version")
    def read_by(self, scan: Scan) -> str:
        """Name and version."""
        return f"{scan.model_name} {scan.model_version}" if scan.model_name else NOTHING

    @admin.display(description="Urgency")
    def urgency(self, scan: Scan) -> str:
        """The tier of what leads."""
        return str(_leading(scan).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def action(self, scan: Scan) -> str:
        """What to do, by what leads."""
        return str(_leading(scan).get("action", NOTHING))

    @admin.display(description="Urgency")
    def model_urgency(self, scan: Scan) -> str:
        """The tier by the model's answer."""
        return str((scan.recommendation or {}).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def model_action(self, scan: Scan) -> str:
        """What to do by the model's answer."""
        return str((scan.recommendation or {}).get("action", NOTHING))

    @admin.display(description="Reasons")
    def reasons(self, scan: Scan) -> SafeString | str:
        """Why, of what leads."""
        return _reasons(_leading(scan))

    @admin.display(description="Reasons")
    def model_reasons(self, scan: Scan) -> SafeString | str:
        """Why, of the model's answer."""
        return _reasons(scan.recommendation or {})

    @admin.display(description="Sources")
    def sources(self, scan: Scan) -> SafeString | str:
        """Who says so, of what leads."""
        return _sources(_leading(scan))

    @admin.display(description="Sources")
    def model_sources(self, scan: Scan) -> SafeString | str:
        """Who says so, of the model's answer."""
        return _sources(scan.recommendation or {})


def _leading(scan: Scan) -> dict[str, Any]:
    """The recommendation of the final reading, or without one of the model's answer; empty without either."""
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
