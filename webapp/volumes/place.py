"""Where in its volume a scan is, as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.api.output import OutputSerializer
from webapp.scans.models import Scan


class InVolumeSerializer(OutputSerializer):
    """A scan's volume."""

    id = serializers.CharField()
    place = serializers.IntegerField(help_text="From 0 on.")
    count = serializers.IntegerField(help_text="B-scans of the volume, those that are missing included.")


def in_volume(scan: Scan) -> dict[str, Any] | None:
    """The volume of a scan, and its place there; None for a scan by itself."""
    if scan.volume is None:
        return None
    return dict(
        InVolumeSerializer({"id": scan.volume.pk, "place": scan.place, "count": scan.volume.count}).data
    )
