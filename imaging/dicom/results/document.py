"""Encapsulated PDF (PS3.3, A.45.1)."""

from __future__ import annotations

from pydicom.uid import EncapsulatedPDFStorage

from imaging.dicom.results.instance import (
    Coded,
    Result,
    Written,
    begun,
    finished,
    instance_item,
    shortened,
    sources_by_series,
)

SERIES_NUMBER = 9104
KIND = Coded("126000", "DCM", "Imaging Measurement Report")


def document(result: Result, pdf: bytes, title: str) -> Written:
    """A PDF that is about its source."""
    data = begun(result, EncapsulatedPDFStorage, "DOC", SERIES_NUMBER, "document")
    data.SeriesDescription = "Retinote: report (research software)"
    data.ConversionType = "WSD"
    data.AcquisitionDateTime = ""
    data.BurnedInAnnotation = "YES"
    data.DocumentTitle = shortened(title, 1024)
    data.ConceptNameCodeSequence = [KIND.item()]
    data.VerificationFlag = "UNVERIFIED"
    data.SourceInstanceSequence = [
        instance_item(kind, instance)
        for instances in sources_by_series(result.origin.sources).values()
        for instance, kind in instances.items()
    ]
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocumentLength = len(pdf)
    data.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return finished(data)
