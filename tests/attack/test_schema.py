"""The API keeps to its own description: whatever it allows is taken, whatever it forbids is refused, call by call.

schemathesis makes the requests from the OpenAPI document and judges the answers by all of its checks. The requests are
the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, strategies
from hypothesis import settings as hypothesis_settings
from schemathesis import Case
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.parameters import ParameterLocation

from tests.attack.conftest import BOX
from tests.attack.people import People
from tests.images import png_bytes
from tests.services import ModelServer
from tests.volumes import tiff_volume
from tests.webapp.conftest import Upload
from webapp.accounts import tokens
from webapp.annotations.models import Annotation
from webapp.api.once import TWICE
from webapp.scans.models import Scan
from webapp.wsgi import application

CONFIG = schemathesis.Config.from_dict(
    {"seed": 1, "generation": {"max-examples": 8, "deterministic": True, "database": "none"}}
)
description = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True), config=CONFIG)
description.app = application
# Else nearly all uploads would be refused for what they are.
schemathesis.openapi.format("binary", strategies.just(png_bytes()))

# Databases and model servers take their time, and are the same for all requests of a test.
LENIENT: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
# What no description can say, because it depends on what is stored: for these fields, or with
# these codes, a request may be refused that keeps to the description.
DEPENDS = {
    # One size without the other: OpenAPI 3.0 has no word for it. Days that there aren't. Bytes that are no image. The
    # modalities that are served, and the fields that they have.
    "POST /api/v1/scans/": {
        "micrometres_x",
        "micrometres_y",
        "acquired",
        "unreadable_image",
        "modality",
        "fields",
    },
    "POST /api/v1/volumes/": {
        "micrometres_x",
        "micrometres_y",
        "acquired",
        "unreadable_image",
        "empty_image",
        "modality",
        "fields",
    },
    "GET /api/v1/options/": {"modality"},
    "GET /api/v1/dashboard/": {"modality"},
    "PATCH /api/v1/scans/{id}/": {"micrometres_x", "micrometres_y", "acquired", "fields"},
    # Versions that are registered, and labels that they know.
    "POST /api/v1/scans/{id}/predictions/": {"version", "label"},
    # A shape on this scan, in one of two languages of which JSON Schema knows none; a label that its model knows.
    "POST /api/v1/scans/{id}/annotations/": {"target.selector", "label"},
    "PUT /api/v1/annotations/{id}/": {"target.selector", "label"},
    # Which of them is needed follows from the others, from the scan's prediction, and from who has read it.
    "POST /api/v1/scans/{id}/review/": {"verdict", "label", "prediction_seen"},
    "POST /api/v1/scans/{id}/adjudication/": {"label"},
    # Scans that are not there, or none that the filters find.
    "POST /api/v1/exports/": {"scans"},
}
# Of any text. As patterns beside each length they would say little to who reads the description.
OF_ANY_TEXT = {"Null characters are not allowed.", "This field may not be blank.", TWICE}


@pytest.fixture
def unlimited(settings: Any) -> None:
    """As many requests and guesses as it takes; how they are counted is tried elsewhere."""
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 0)
    settings.AXES_FAILURE_LIMIT = settings.ACCOUNT_FAILURE_LIMIT = settings.ADDRESS_FAILURE_LIMIT = 10**6
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def existing_id(
    unlimited: None, predicting: ModelServer, people: People, upload: Upload
) -> Callable[[str], str]:
    """The id of a scan, or of a shape on it, for a path; what a request deleted is made anew for the next."""

    def find(path: str) -> str:
        if "/volumes/{id}/" in path:
            if not Scan.objects.filter(volume__isnull=False).exists():
                upload(people.administrator, tiff_volume(2))
            return str(Scan.objects.filter(volume__isnull=False)[0].volume_id)
        scan = Scan.objects.filter(volume__isnull=True).first()
        if scan is None:
            scan = Scan.objects.get(pk=upload(people.administrator).json()["id"])
            Scan.objects.filter(pk=scan.pk).update(readers=[str(people.owner.pk)])
        if "/annotations/{id}/" not in path:
            return str(scan.pk)
        shape = Annotation.objects.first()
        shape = shape or Annotation.objects.create(scan=scan, author=people.owner, selector=BOX)
        return str(shape.pk)

    return find


@pytest.fixture
def headers(people: People) -> dict[str, str]:
    """Of somebody who may do everything."""
    return {"Authorization": f"Bearer {tokens.issue(people.administrator).access}"}


@description.parametrize()
@hypothesis_settings(**LENIENT)
def test_a_call_keeps_to_its_description(
    case: Case, existing_id: Callable[[str], str], headers: dict[str, str]
) -> None:
    if "{id}" in case.path and not _is_wrong(case, ParameterLocation.PATH):
        case.path_parameters["id"] = existing_id(case.path)

    answer = case.call(headers=headers)

    excluded = [positive_data_acceptance] if _depends(case, answer) else []
    case.validate_response(
        answer, headers=headers, excluded_checks=excluded, transport_kwargs={"headers": headers}
    )


def test_calls_that_follow_from_each_other_keep_to_it(
    existing_id: Callable[[str], str], headers: dict[str, str]
) -> None:
    """Ids go from answers into the next calls, so that what is deleted is asked for again."""

    class Calls(description.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            existing_id("/annotations/{id}/")

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": headers}

        def validate_response(self, response: schemathesis.Response, case: Case, **options: Any) -> None:
            excluded = [positive_data_acceptance] if _depends(case, response) else []
            case.validate_response(
                response,
                headers=headers,
                excluded_checks=excluded,
                transport_kwargs=options,
                recorder=self.recorder,
            )

    Calls.run(settings=hypothesis_settings(max_examples=6, stateful_step_count=10, **LENIENT))


def _is_wrong(case: Case, place: ParameterLocation) -> bool:
    """Whether the place is wrong on purpose."""
    assert case.meta
    part = case.meta.components.get(place)
    return part is not None and part.mode.is_negative


def _depends(case: Case, answer: schemathesis.Response) -> bool:
    """Whether the request is refused for nothing but what no description can say."""
    if answer.status_code == 412:
        return "If-Match" in case.headers
    if answer.status_code == 409:
        return (
            case.operation.label == "POST /api/v1/scans/{id}/review/"
        )  # the prediction that it names isn't there
    if answer.status_code in (415, 422):
        return case.operation.label == "POST /api/v1/volumes/"  # files that are no volume together
    if answer.status_code != 400:
        return False
    error = answer.json()["error"]
    reasons = error.get("fields") or {error["code"]: [error["message"]]}
    known = DEPENDS.get(case.operation.label, set())
    return all(
        {name, name.partition(".")[0]} & known or OF_ANY_TEXT.issuperset(messages)
        for name, messages in reasons.items()
    )
