"""Scans of the second modality, of which people say something and other systems are told."""

from __future__ import annotations

from webapp.scans.models import Scan

LABELS = ("NORMAL", "PNEUMONIA")


def as_x_ray(scan: Scan, label: str = "PNEUMONIA", **fields: str) -> Scan:
    """Turn a predicted scan into a chest X-ray that its model has answered; `fields` are those of the modality."""
    Scan.objects.filter(pk=scan.pk).update(
        modality="chest-xray",
        fields=fields,
        model_name="chest-xray",
        label=label,
        probabilities={name: 0.8 if name == label else 0.2 for name in LABELS},
        gradcam_label=label,
    )
    return Scan.objects.get(pk=scan.pk)
