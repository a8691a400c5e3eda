"""A scan with its answer and readings as a FHIR R4 Bundle, as far as the user may know them.

The report is a DiagnosticReport. The model's answer, its findings, and each reader's verdict are Observations; the
model is a Device, the scan an ImagingStudy. There is no ServiceRequest, as nobody orders anything of a research tool.
The patient is named only by the reference that people have entered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from imaging.dicom.origin import Origin
from imaging.dicom.results.instance import sources_by_series
from modalities.profile import Profile
from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import de_identified, shown
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.core import clock, modalities
from webapp.fhir.terms import (
    ABSENT,
    CATEGORIES,
    SIDES,
    Json,
    concept,
    label_concept,
    modality_coding,
    share,
    site_coding,
    square_millimetres,
    without_empty,
)
from webapp.origins.keeping import origin_kept_of
from webapp.recommendations.answers import State
from webapp.reviews.models import Review, Verdict
from webapp.reviews.reading import independence_of
from webapp.reviews.summary import summary
from webapp.scans.disclosure import disclose
from webapp.scans.final import FinalReading, final_reading
from webapp.scans.findings import kinds_looked_for
from webapp.scans.modality import a
from webapp.scans.models import Eye, Scan
from webapp.scans.told import remarks_on
from webapp.versions.withdrawals import WITHDRAWN

RESEARCH = "Research software: nothing it says is a diagnosis."
IMAGING: Json = {"system": CATEGORIES, "code": "imaging", "display": "Imaging"}


def bundle_of(scan: Scan, user: User, *, whole: bool = False) -> Json:
    """The Bundle of a scan that the user may see, or with `whole` of the volume that it stands for; noted as shown to the user."""
    reading = summary(scan, user)
    final = final_reading(scan, user)
    together = list(scan.together().order_by("place")) if whole and scan.volume_id else []
    disclose(user, [scan, *together])
    bscans = [bscan.as_shown_to(user) for bscan in together]
    origin = origin_kept_of(scan) if user.may(Ability.SEE_PATIENTS) else None
    return _Resources(scan.as_shown_to(user), user, final, reading["reviews"], bscans, origin).bundle()


@dataclass(frozen=True)
class _Resources:
    """The resources of a scan, as one user may know it."""

    scan: Scan
    user: User
    final: FinalReading | None
    reviews: list[Review]
    bscans: list[Scan]
    """Of its volume, where the bundle is about all of that."""
    origin: Origin | None
    """Where it came as DICOM, and that is kept and may be known."""

    @property
    def profile(self) -> Profile:
        """The modality of the scan."""
        return modalities.of_scan(self.scan.modality)

    def _modality(self) -> Json:
        return modality_coding(self.profile, self.origin.modality if self.origin else "")

    def _eye(self) -> str:
        """OD or OS; "" where that is not known, and where the modality shows no eye."""
        return (self.scan.eye or "") if self.profile.eye else ""

    def bundle(self) -> Json:
        observations = [*self._of_model(), *map(self._of_reader, self.reviews)]
        resources = [self._report(observations), self._study(), *observations]
        if self.scan.label:
            resources.append(self._device())
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": _instant(clock.now()),
            "entry": [
                {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources
            ],
        }

    def _report(self, observations: list[Json]) -> Json:
        recommended = self._recommended()
        conclusion = [recommended.get("urgency", ""), recommended.get("action", ""), RESEARCH]
        labels = self.final.labels if self.final else self._labels_of_model()
        return self._resource(
            "DiagnosticReport",
            "report",
            status=self._status(observations),
            code=concept(f"Reading of {a(self.profile.title)} scan", self._modality()),
            **self._about(),
            issued=self._instant("predicted_at"),
            result=[_reference(observation) for observation in observations],
            imagingStudy=[_reference(self._study())],
            conclusion=" ".join(part for part in conclusion if part),
            conclusionCode=[label_concept(self.scan.model_name, label) for label in labels],
        )

    def _status(self, observations: list[Json]) -> str:
        """The status: "final" with a verified label, "preliminary" until then, "registered" without results."""
        if self.final and self.final.verified:
            return "final"
        return "preliminary" if observations else "registered"

    def _recommended(self) -> Json:
        if self.final:
            return self.final.recommend(self.scan.model_name, self.scan.doubts).to_dict()
        return dict(self.scan.recommendation or {})

    def _labels_of_model(self) -> list[str]:
        """The label of the model's answer; none where it leaves several open, or has not answered."""
        scan = self.scan
        return [scan.label] if scan.label and scan.state in ("", None, State.ANSWERED) else []

    def _of_model(self) -> list[Json]:
        scan = self.scan
        if not scan.label:
            return []
        (label,) = self._labels_of_model() or [""]
        value = (
            {"valueCodeableConcept": label_concept(scan.model_name, label)}
            if label
            else {"dataAbsentReason": _absent(scan.answer.text or "The model has not answered.")}
        )
        answer = self._observation(
            "answer",
            status="preliminary",
            code=concept("What the model says"),
            **value,
            issued=self._instant("predicted_at"),
            device=_reference(self._device()),
            note=[{"text": text} for text in (RESEARCH, *scan.doubts, *remarks_on(scan))],
            component=[
                {
                    "code": label_concept(scan.model_name, one),
                    "valueQuantity": share(probability),
                }
                for one, probability in sorted(scan.probabilities.items(), key=lambda item: -item[1])
            ],
        )
        return [answer, *self._findings(), *self._of_volume()]

    def _of_volume(self) -> list[Json]:
        """What the model says of each picture of a volume."""
        answered = [bscan for bscan in self.bscans if bscan.label]
        if not answered:
            return []
        return [
            self._observation(
                "bscans",
                status="preliminary",
                code=concept(f"What the model says of each {self.profile.picture}"),
                issued=self._instant("predicted_at"),
                device=_reference(self._device()),
                component=[
                    {
                        "code": concept(f"{self.profile.picture} {bscan.place + 1}"),
                        **(
                            {"valueCodeableConcept": label_concept(bscan.model_name, bscan.label)}
                            if bscan.answer.names_label
                            else {"dataAbsentReason": _absent(bscan.answer.text)}
                        ),
                    }
                    for bscan in answered
                ],
            )
        ]

    def _findings(self) -> list[Json]:
        scan = self.scan
        found = []
        # Also what is not there: an area of 0 replaces the one that an earlier answer had found.
        for kind in kinds_looked_for(scan):
            area = kind.square_mm(scan.width, scan.height, scan.micrometres_x, scan.micrometres_y)
            found.append(
                self._observation(
                    f"finding {kind.kind}",
                    status="preliminary",
                    code=concept(f"Area of the picture: {kind.name}"),
                    valueQuantity=share(kind.share) if area is None else square_millimetres(area),
                    issued=self._instant("predicted_at"),
                    device=_reference(self._device()),
                )
            )
        return found

    def _of_reader(self, review: Review) -> Json:
        given = (
            {"valueCodeableConcept": label_concept(review.model_name, review.label)}
            if review.label
            else {"dataAbsentReason": _absent(str(Verdict(review.verdict).label))}
        )
        comment = shown("comment", review.comment, self.user)
        created = shown("created", review.created, self.user)
        return self._observation(
            # By its reader, and hidden like one: the verdict that counts now replaces the former in a record.
            f"review of {shown('user_id', str(review.reader_id), self.user)}",
            status="final",
            code=concept("What a reader says"),
            **given,
            issued=created and _instant(created),
            performer=[{"display": shown_name(review.reader, self.user)}],
            method=concept(
                ", ".join(
                    part for part in (str(Verdict(review.verdict).label), independence_of(review)) if part
                )
            ),
            note=[{"text": comment}] if comment else [],
        )

    def _device(self) -> Json:
        scan = self.scan
        return self._resource(
            "Device",
            f"device {scan.model_name} {scan.model_version} {scan.weights_sha256}",
            deviceName=[{"name": scan.model_name, "type": "model-name"}],
            version=[
                {"type": concept("version"), "value": scan.model_version},
                {"type": concept("SHA-256 of the weights"), "value": scan.weights_sha256},
            ],
            note=[{"text": text} for text in (RESEARCH, *([WITHDRAWN] if scan.is_withdrawn else []))],
        )

    def _study(self) -> Json:
        """The scan as a study: the one that it came from, where that is known, else one that stands for it."""
        modality = self._modality()
        seen = {"bodySite": site_coding(self.profile), "laterality": SIDES.get(self._eye())}
        if self.origin is not None:
            by_series = sources_by_series(self.origin.sources)
            return self._resource(
                "ImagingStudy",
                "study",
                status="available",
                identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{self.origin.study}"}],
                **self._subject(),
                started=self._known("acquired"),
                numberOfSeries=len(by_series),
                numberOfInstances=sum(map(len, by_series.values())),
                series=[
                    without_empty(
                        {
                            "uid": series,
                            "modality": modality,
                            "numberOfInstances": len(instances),
                            **seen,
                            "instance": [
                                {
                                    "uid": uid,
                                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{kind}"},
                                }
                                for uid, kind in instances.items()
                            ],
                        }
                    )
                    for series, instances in by_series.items()
                ],
            )
        return self._resource(
            "ImagingStudy",
            "study",
            status="available",
            identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{self._uid('study')}"}],
            **self._subject(),
            started=self._known("acquired"),
            numberOfSeries=1,
            numberOfInstances=1,
            series=[
                without_empty(
                    {
                        "uid": self._uid("series"),
                        "modality": modality,
                        "numberOfInstances": 1,
                        **seen,
                    }
                )
            ],
        )

    def _observation(self, name: str, **fields: Any) -> Json:
        coding, eye = site_coding(self.profile), self._eye()
        said = str(Eye(eye).label) if eye else ""
        return self._resource(
            "Observation",
            name,
            category=[{"coding": [IMAGING]}],
            bodySite=concept(said or coding["display"], coding) if coding else None,
            derivedFrom=[_reference(self._study())],
            **self._about(),
            **fields,
        )

    def _about(self) -> Json:
        return {**self._subject(), "effectiveDateTime": self._known("acquired")}

    def _subject(self) -> Json:
        reference = self._known("patient_ref")
        return {"subject": {"identifier": {"value": reference}} if reference else {"display": "Not given"}}

    def _known(self, name: str) -> str:
        """A field of the scan as the user may know it."""
        return str(de_identified({name: getattr(self.scan, name)}, self.user)[name] or "")

    def _instant(self, name: str) -> str:
        moment = shown(name, getattr(self.scan, name), self.user)
        return _instant(moment) if moment else ""

    def _resource(self, kind: str, name: str, **fields: Any) -> Json:
        return without_empty({"resourceType": kind, "id": str(self._uuid(name)), **fields})

    def _uuid(self, name: str) -> Any:
        """A UUID that is the same each time; another one for users who may not see patients."""
        return uuid5(NAMESPACE_URL, f"retinote:{self._lasting_name()}/{name}")

    def _lasting_name(self) -> str:
        """What the bundle is about, by a name that lasts: that of a volume stays when another B-scan stands for it.

        A volume is named by the B-scan that came first, as a scan can become one when more of its series comes. What is
        about that B-scan alone has a name of its own.
        """
        # The first that came has the lowest id: ids begin with the time.
        first = min((bscan.pk for bscan in self.bscans), default=self.scan.pk)
        named = str(shown("id", str(first), self.user))
        return f"{named}/alone" if self.scan.volume_id and not self.bscans else named

    def _uid(self, name: str) -> str:
        """A DICOM UID that is derived from the UUID (PS3.5, B.2)."""
        return f"2.25.{self._uuid(name).int}"


def _reference(resource: Json) -> Json:
    return {"reference": f"urn:uuid:{resource['id']}"}


def _absent(why: str) -> Json:
    return concept(why, {"system": ABSENT, "code": "unknown", "display": "Unknown"})


def _instant(moment: Any) -> str:
    return str(moment.isoformat(timespec="milliseconds"))
