"""The formats of exports: a CSV table, COCO, W3C Web Annotations, and folders with a manifest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from handlers.tables import TableWriter, path_part
from modalities.profile import Profile
from webapp.annotations.geometry import outline_of
from webapp.annotations.measures import square_mm
from webapp.annotations.pieces import DECIMALS, enclosed
from webapp.annotations.shapes import shape_of
from webapp.core import modalities
from webapp.exports.burnt_in import LeftOut
from webapp.exports.categories import category_numbers
from webapp.exports.records import Record, Shape
from webapp.scans.details import DETAILS, Detail
from webapp.scans.findings import kinds_found

NOTICE = (
    "Exported from Retinote, research software: nothing in here is a diagnosis. Names, references, notes, comments, "
    "times and the hashes of the uploaded files are left out; scans, patients and readers have pseudonyms. "
    "What an outline goes round twice lies outside of it (the even-odd rule). "
    "The pictures carry no metadata."
)
LOOKED_AT = (
    "Pictures whose pixels may hold text are left out, by a rule that is not always right; left-out.csv lists them. What is "
    "said of them stands in scans.csv alone."
)
NOT_LOOKED_AT = "Pictures whose pixels may hold text are included, as was asked for: whether letters stand in them was not looked at."
Column = Callable[[Record], Any]
NO_FINDINGS = "none"
SOURCE = "retinote"
"""What a manifest names as the origin of its scans."""
UNLABELLED = "unlabelled"
"""Where a shape has no label."""


def notice(with_text: bool) -> str:
    """What an export says of itself."""
    return f"{NOTICE} " + (NOT_LOOKED_AT if with_text else LOOKED_AT)


def left_out(pictures: Sequence[LeftOut]) -> str:
    """A table of the pictures that an export doesn't hold, with the reason for each."""
    text = io.StringIO()
    writer = TableWriter(text)
    writer.write_row(("scan", "volume", "place", "reason"))
    for picture in pictures:
        # As the table of all scans has them, so that a row is found there by any of them.
        named = [COLUMNS[name](picture.record) for name in ("scan", "volume", "place")]
        writer.write_row((*named, picture.reason))
    return text.getvalue()


def _of_scan(name: str) -> Column:
    """A field of the scan; empty where it has no value."""
    return lambda record: getattr(record.scan, name) or ""


def _listed(name: str, between: str = "; ") -> Column:
    """A list field of the scan, joined."""
    return lambda record: between.join(getattr(record.scan, name) or ())


def _detail(detail: Detail) -> Column:
    """A field that people enter."""
    assert detail.exported
    exported = detail.exported
    return lambda record: exported(getattr(record.scan, detail.name))


def _final_urgency(record: Record) -> str:
    final, model_name = record.final, record.scan.model_name
    return final.recommend(model_name).urgency if final and model_name else ""


def _known(record: Record) -> str:
    return "" if record.scan.known is None else str(record.scan.known).lower()


def _findings(record: Record) -> str:
    """Each kind that was found, with its share of the picture (0 to 1); empty without a map of findings."""
    if record.scan.findings is None:
        return ""
    return "; ".join(f"{found.kind} {found.share:.6g}" for found in kinds_found(record.scan)) or NO_FINDINGS


def _one_label(name: str) -> Column:
    """A field of the most probable label, only where that is the model's answer; all probabilities follow."""

    def column(record: Record) -> Any:
        value = getattr(record.scan, name)
        return value if value is not None and record.scan.answer.names_label else ""

    return column


def _measures(name: str) -> Column:
    """What each reader drew with each label, by a measure; empty where that is not known."""

    def column(record: Record) -> str:
        found = [(each, getattr(each, name)) for each in record.measured]
        return "; ".join(
            f"{each.reader} {each.label or UNLABELLED} {size:.6g}" for each, size in found if size is not None
        )

    return column


_ENTERED = {detail.name: _detail(detail) for detail in DETAILS if detail.exported}
COLUMNS: dict[str, Column] = {
    "scan": lambda record: record.name,
    "file": lambda record: record.file_name,
    "modality": lambda record: modalities.of_scan(record.scan.modality).name,
    "patient": lambda record: record.patient,
    "eye": _ENTERED["eye"],
    "width": _of_scan("width"),
    "height": _of_scan("height"),
    "micrometres_x": _ENTERED["micrometres_x"],
    "micrometres_y": _ENTERED["micrometres_y"],
    "status": _of_scan("status"),
    "model": _of_scan("model_name"),
    "model_version": _of_scan("model_version"),
    "weights_sha256": _of_scan("weights_sha256"),
    "withdrawn": lambda record: "true" if record.scan.is_withdrawn else "",
    "final_label": lambda record: record.final.label if record.final else "",
    "final_by": lambda record: record.final.by.value if record.final else "",
    "final_urgency": _final_urgency,
    "state": _of_scan("state"),
    "because": _of_scan("because"),
    "prediction": _one_label("label"),
    "confidence": _one_label("confidence"),
    "prediction_set": _listed("prediction_set"),
    "group": _of_scan("group"),
    "familiarity": lambda record: "" if record.scan.familiarity is None else record.scan.familiarity,
    "known": _known,
    "nearest": _listed("nearest"),
    "calibration": _of_scan("calibration"),
    "findings": _findings,
    "doubts": _listed("doubts", " "),
    "urgency": lambda record: (record.scan.recommendation or {}).get("urgency", ""),
    "verified_label": lambda record: record.verified_label,
    "verified_by": lambda record: record.verified_by,
    "readers": lambda record: len(record.verdicts),
    "verdicts": lambda record: "; ".join(map(str, record.verdicts)),
    "shapes": lambda record: len(record.shapes),
    "volume": lambda record: record.volume,
    "place": lambda record: record.scan.place if record.volume else "",
    "drawn_square_mm": _measures("square_mm"),
    "drawn_cubic_mm": _measures("cubic_mm"),
} | _ENTERED
"""The columns of the table, by name. Details that are not named above come last."""


def table(records: Sequence[Record]) -> str:
    """CSV with a row for each scan. Probabilities have a column for each label, as have the fields that scans of their
    modalities have; verdicts are joined by semicolons.
    """
    fields = list(dict.fromkeys(name for found in _modalities(records) for name in _fields(found)))
    labels = list(dict.fromkeys(label for record in records for label in record.scan.probabilities))
    text = io.StringIO()
    writer = TableWriter(text)
    writer.write_row(
        [*COLUMNS, *(f"field_{name}" for name in fields), *(f"probability_{label}" for label in labels)]
    )
    for record in records:
        shares = record.scan.probabilities
        writer.write_row(
            [
                *(column(record) for column in COLUMNS.values()),
                *((record.scan.fields or {}).get(name, "") for name in fields),
                *(shares.get(label, "") for label in labels),
            ]
        )
    return text.getvalue()


def _modalities(records: Iterable[Record]) -> list[Profile]:
    """The modalities of the scans, each once."""
    return list(
        {found.name: found for found in (modalities.of_scan(one.scan.modality) for one in records)}.values()
    )


def _fields(found: Profile) -> list[str]:
    """The names of the fields that scans of a modality have."""
    return [field.name for field in found.fields]


def by_modality(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The scans of each modality by the folder that they get: none while all are of one, as one model learns from them."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(f"{modalities.of_scan(record.scan.modality).name}/", []).append(record)
    return found if len(found) > 1 else {"": list(records)}


def folder_path(record: Record) -> str:
    """The path of a verified scan's picture in an export as folders, or in the folder of its modality there."""
    return f"{path_part(record.verified_label)}/{record.file_name}"


def manifest(records: Sequence[Record]) -> str:
    """The verified scans of a modality as a manifest for `./retinote data` (docs/data.md), with patients, which folders lack."""
    text = io.StringIO()
    writer = TableWriter(text)
    has_eye = any(found.eye for found in _modalities(records)) or not records
    fields = [name for found in _modalities(records) for name in _fields(found)]
    writer.write_row(("file", "source", "label", "patient_id", *(["eye"] if has_eye else []), *fields))
    for record in records:
        patient = f"{SOURCE}:{record.patient}" if record.patient else ""
        eye = [record.scan.eye] if has_eye else []
        own = [(record.scan.fields or {}).get(name, "") for name in fields]
        writer.write_row((folder_path(record), SOURCE, record.verified_label, patient, *eye, *own))
    return text.getvalue()


def coco(records: Sequence[Record]) -> str:
    """COCO object detection (https://cocodataset.org/#format-data), with a category for each label.

    An outline that crosses itself is cut into pieces that don't, so that all programs find the same area. Points,
    calipers and open lines cover nothing and are left out; `info` says how many.
    """
    categories = category_numbers(shape.label or UNLABELLED for record in records for shape in record.shapes)
    annotations: list[dict[str, Any]] = []
    left_out = 0
    for image, record in enumerate(records, start=1):
        for shape in record.shapes:
            covered = _covered(shape, record)
            if covered is None:
                left_out += 1
                continue
            category = categories[shape.label or UNLABELLED]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": category, **covered}
            )
    return _json(
        {
            "info": {"description": NOTICE, "shapes_left_out": left_out},
            "licenses": [],
            "images": [{"id": image, **_image(record)} for image, record in enumerate(records, start=1)],
            "categories": [{"id": number, "name": name} for name, number in categories.items()],
            "annotations": annotations,
        }
    )


def _covered(shape: Shape, record: Record) -> dict[str, Any] | None:
    """What COCO says of what a shape covers; None for one that covers nothing."""
    outline = outline_of(shape.selector)
    pieces, size = ([], 0.0) if outline is None else enclosed(outline)
    if not pieces:
        return None
    (left, top), (right, bottom) = (ends(np.vstack(pieces), axis=0).tolist() for ends in (np.min, np.max))
    return {
        "bbox": [left, top, round(right - left, DECIMALS), round(bottom - top, DECIMALS)],
        "segmentation": [piece.ravel().tolist() for piece in pieces],
        "area": size,
        "iscrowd": 0,
        "attributes": {
            "reader": shape.reader,
            "shape": shape_of(shape.selector),
            "square_mm": square_mm(size, record.scan),
        },
    }


def _image(record: Record) -> dict[str, Any]:
    """What COCO says of a picture."""
    scan = record.scan
    return {
        "file_name": f"images/{record.file_name}",
        "width": scan.width,
        "height": scan.height,
        "modality": modalities.of_scan(scan.modality).name,
        "fields": scan.fields or {},
        "patient": record.patient,
        "micrometres_x": scan.micrometres_x,
        "micrometres_y": scan.micrometres_y,
        "volume": record.volume,
        "place": scan.place if record.volume else None,
        "final_label": record.final.label if record.final else "",
        "verified_label": record.verified_label,
        "model_state": scan.state or "",
        "model_answer": scan.answer.text,
        "model_findings": scan.findings,
    }


def annotation_page(records: Sequence[Record]) -> str:
    """All shapes as W3C Web Annotations (https://www.w3.org/TR/annotation-model/) in JSON-LD."""
    items = [
        {
            "id": f"urn:retinote:{shape.name}",
            "type": "Annotation",
            "creator": {"id": f"urn:retinote:{shape.reader}", "type": "Person"},
            "body": [{"type": "TextualBody", "purpose": "tagging", "value": shape.label}]
            if shape.label
            else [],
            "target": {"source": f"images/{record.file_name}", "selector": shape.selector},
        }
        for record in records
        for shape in record.shapes
    ]
    return _json({"@context": "http://www.w3.org/ns/anno.jsonld", "type": "AnnotationPage", "items": items})


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
