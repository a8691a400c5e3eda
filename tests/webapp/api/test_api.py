"""What all of the API has in common: its description, its errors, its ids, its health."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client, RequestFactory
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from rest_framework.test import APIClient

from operations.version import installed_version
from tests.services import ModelServer, free_ports
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.api.errors import answer_error, server_error


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The API's description, made without a single warning."""
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    described: dict[str, Any] = yaml.safe_load(out.getvalue())
    return described


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "auth/token/"),
        ("post", "auth/token/refresh/"),
        ("post", "auth/logout/"),
        ("get", "auth/me/"),
        ("post", "scans/"),
        ("get", "scans/"),
        ("get", "scans/{id}/"),
        ("delete", "scans/{id}/"),
        ("get", "scans/{id}/image/"),
        ("get", "scans/{id}/overlay/"),
        ("get", "scans/{id}/heatmap/"),
        ("get", "scans/{id}/findings/"),
        ("post", "scans/{id}/predictions/"),
        ("get", "scans/{id}/annotations/"),
        ("post", "scans/{id}/annotations/"),
        ("get", "annotations/{id}/"),
        ("put", "annotations/{id}/"),
        ("delete", "annotations/{id}/"),
        ("post", "scans/{id}/review/"),
        ("get", "scans/{id}/reviews/"),
        ("get", "history/"),
    ],
)
def test_every_call_is_described_with_ids_as_text(schema: dict[str, Any], method: str, path: str) -> None:
    call = schema["paths"][f"/api/v1/{path}"][method]
    for parameter in call.get("parameters", []):
        if parameter["in"] == "path":
            assert parameter["schema"] == {"type": "string"}


def test_the_description_says_which_version_it_is_of(schema: dict[str, Any]) -> None:
    assert schema["info"]["version"].partition(" ")[0] == installed_version()


def test_every_call_says_what_an_error_looks_like(schema: dict[str, Any]) -> None:
    """By its statuses: a default would be taken for whatever else a generated client can't read."""
    described = schema["components"]["responses"]["Error"]["content"]["application/json"]["schema"]
    assert described == {"$ref": "#/components/schemas/Error"}
    for path in schema["paths"].values():
        for call in path.values():
            answers = dict(call["responses"])
            assert [answers.pop(status) for status in ("4XX", "5XX")] == [
                {"$ref": "#/components/responses/Error"}
            ] * 2
            assert answers and all(status.startswith("2") for status in answers)


def test_the_schema_says_what_a_scan_holds(schema: dict[str, Any]) -> None:
    scan = schema["components"]["schemas"]["Scan"]["properties"]
    contract = (
        "id status image_path sha256 width height eye patient_ref timestamp user_id prediction confidence "
        "probabilities annotation_path regions model recommendation reviewed"
    )
    assert set(contract.split()) <= set(scan)


PNG, JPEG = "image/png", "image/jpeg"


@pytest.mark.parametrize(
    ("picture", "kinds"),
    [
        ("image", {PNG}),
        ("heatmap", {PNG}),
        ("findings", {PNG}),
        ("overlay", {PNG, JPEG}),
        ("thumbnail", {JPEG}),
    ],
)
def test_every_picture_is_described_with_its_own_types(
    schema: dict[str, Any], picture: str, kinds: set[str]
) -> None:
    answers = schema["paths"][f"/api/v1/scans/{{id}}/{picture}/"]["get"]["responses"]
    assert set(answers["200"]["content"]) == kinds


def test_a_list_says_how_large_its_pages_may_be(schema: dict[str, Any]) -> None:
    for path in ("scans", "history"):
        described = parameters(schema, f"/api/v1/{path}/", "get")
        assert described["page_size"]["schema"] == {
            "type": "integer",
            "minimum": 1,
            "maximum": 200,
            "default": 50,
        }


def test_an_export_takes_the_filters_of_the_list(schema: dict[str, Any]) -> None:
    filters = parameters(schema, "/api/v1/exports/", "post")
    assert filters == parameters(schema, "/api/v1/scans/count/", "get")
    assert filters["eye"]["schema"]["enum"] == ["OD", "OS"]
    assert filters["search"]["schema"]["maxLength"] == 200
    assert all(parameter["allowEmptyValue"] for parameter in filters.values())


def parameters(schema: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    return {parameter["name"]: parameter for parameter in schema["paths"][path][method]["parameters"]}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/api/v1/nothing/", 404), ("put", "/api/v1/scans/", 405), ("post", "/api/v1/history/", 405)],
)
def test_errors_have_one_shape(clinician: User, api: Clients, method: str, path: str, status: int) -> None:
    answer = getattr(api(clinician), method)(path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}


def test_a_body_that_is_no_json_is_a_clear_error(clinician: User, api: Clients) -> None:
    answer = api(clinician).post("/api/v1/auth/token/", "{not json", content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"


@pytest.mark.parametrize(
    ("path", "kind", "taken"),
    [
        ("/api/v1/auth/token/", "application/x-www-form-urlencoded", "application/json"),
        ("/api/v1/exports/", "multipart/form-data; boundary=x", "application/json"),
        ("/api/v1/exports/", "text/plain", "application/json"),
        ("/api/v1/scans/", "application/json", "multipart/form-data"),
    ],
)
def test_a_body_of_another_kind_is_told_which_is_taken(
    clinician: User, api: Clients, path: str, kind: str, taken: str
) -> None:
    answer = api(clinician).generic("POST", path, "username=clara", kind)
    assert answer.status_code == 415
    assert answer.json()["error"] == {
        "code": "unsupported_media_type",
        "message": f"Send the body as {taken}.",
    }


def test_a_body_that_nests_too_deep_is_a_clear_error() -> None:
    answer = APIClient().post("/api/v1/auth/token/", "[" * 200_000, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"


@pytest.mark.parametrize(
    ("path", "kind"), [("auth/token/", "application/json"), ("scans/", "multipart/form-data; boundary=x")]
)
def test_a_body_in_a_coding_that_is_none_of_text_is_a_clear_error(
    clinician: User, api: Clients, path: str, kind: str
) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="eye"\r\n\r\nOD\r\n--x--\r\n'
    answer = api(clinician).generic("POST", f"/api/v1/{path}", body, f"{kind}; charset=base64")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"


@pytest.mark.parametrize(
    ("content_type", "limit_mib"), [("application/json", 2), ("multipart/form-data; boundary=x", 33)]
)
def test_a_body_that_announces_too_much_is_not_read(
    clinician: User, api: Clients, content_type: str, limit_mib: int
) -> None:
    refused = api(clinician).generic(
        "POST", "/api/v1/scans/", content_type=content_type, CONTENT_LENGTH=str(limit_mib * 2**20 + 1)
    )
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "too_large"
    assert f"{limit_mib} MiB" in refused.json()["error"]["message"]


def test_a_database_that_is_away_is_told_as_such() -> None:
    (port,) = free_ports(1)
    with pytest.raises(ServerSelectionTimeoutError) as away:
        MongoClient(port=port, serverSelectionTimeoutMS=50).admin.command("ping")
    wrapped = DatabaseError()
    wrapped.__cause__ = away.value
    for error in (away.value, wrapped):
        answer = answer_error(error, {})
        assert answer is not None
        assert answer.status_code == 503
        assert "database" in answer.data["error"]["message"]
    assert answer_error(DatabaseError(), {}) is None


def test_a_database_that_was_started_again_is_told_as_such() -> None:
    """It knows nothing of the transactions that were open, and says so by a label."""
    wrapped = DatabaseError()
    wrapped.__cause__ = OperationFailure(
        "Transaction 3 was not found", 251, {"errorLabels": ["TransientTransactionError"]}
    )
    answer = answer_error(wrapped, {})
    assert answer is not None
    assert answer.status_code == 503
    wrapped.__cause__ = OperationFailure("a bug of ours", 2)
    assert answer_error(wrapped, {}) is None


@pytest.mark.parametrize("path", ["/api/v1/scans/", "/admin/"])
def test_a_database_that_is_away_before_a_view_is_reached(path: str) -> None:
    request = RequestFactory().get(path)
    try:
        raise ServerSelectionTimeoutError
    except ServerSelectionTimeoutError:
        away = server_error(request)
    assert away.status_code == 503
    assert server_error(request).status_code == 500


def test_a_wrong_host_is_refused_in_our_shape(db: None) -> None:
    answer = Client().get("/api/v1/scans/", HTTP_HOST="evil.example.org")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert "--allowed-host" in answer.json()["error"]["message"]
    assert b"--allowed-host" in Client().get("/", HTTP_HOST="evil.example.org").content


def test_the_callers_request_id_comes_back_and_nonsense_is_replaced(clinician: User, api: Clients) -> None:
    given = api(clinician).get("/healthz/", headers={"X-Request-Id": "from-the-caller-1"})
    assert given.headers["X-Request-Id"] == "from-the-caller-1"
    replaced = api(clinician).get("/healthz/", headers={"X-Request-Id": "a b;<script>"})
    assert len(replaced.headers["X-Request-Id"]) == 32


def test_ready_tells_what_is_missing(predicting: ModelServer, settings: Any, db: None) -> None:
    assert Client().get("/healthz/").json() == {"status": "ok", "version": installed_version()}
    assert Client().get("/readyz/").json()["status"] == "ok"
    settings.MODEL_URL = "http://127.0.0.1:9"
    degraded = Client().get("/readyz/")
    assert degraded.status_code == 200
    assert degraded.json() == {
        "status": "degraded",
        "dependencies": {"mongodb": "ok", "model_server": "unavailable"},
    }


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/", "/admin/login/"])
def test_pages_load_nothing_from_elsewhere(path: str, db: None) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = answer.content.decode()
    assert 'src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page


def test_static_files_are_served_without_a_collecting_step(db: None) -> None:
    assert Client().get("/static/retinote/page_missing.css").status_code == 200
    assert Client().get("/static/admin/css/base.css").status_code == 200


def test_the_browsable_api_works_with_the_admins_session(administrator: User) -> None:
    client = Client()
    client.force_login(administrator)
    page = client.get("/api/v1/scans/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    shown = page.content.decode()
    assert "Scan List" in shown
    assert 'type="file"' in shown  # the upload can be tried from here
