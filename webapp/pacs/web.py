"""Sends over HTTP: STOW-RS (PS3.18, 10.5) and FHIR R4. Only to the addresses that an administrator has set."""

from __future__ import annotations

import json
import secrets
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as NoAnswerInTime

from imaging.dicom.results.instance import Written
from webapp.fhir.views import MEDIA_TYPE
from webapp.pacs.models import Destination, Protocol
from webapp.pacs.network import ANSWER_S, CONNECT_S, Refused, Unreachable, authorization, tls

MAX_ANSWER_BYTES = 2**20
DICOM, DICOM_JSON = "application/dicom", "application/dicom+json"
FAILED = "00081198"
"""Failed SOP Sequence, in which a server of DICOMweb names what it did not store."""
BUSY = (408, 425, 429)


class _Adapter(HTTPAdapter):
    """HTTPS by the certificates of a destination."""

    def __init__(self, destination: str) -> None:
        self._context = tls(destination)
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Connections that recognise the destination."""
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._context, **options
        )

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Trust those whom the context trusts. The adapter of requests would add all authorities of its own."""
        conn.cert_reqs = "CERT_REQUIRED"


def stow(destination: Destination, written: Written) -> None:
    """Store an object. Raises Unreachable, Refused."""
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
    status, content = _call(
        destination,
        "POST",
        "/studies",
        data=head + written.content + f"\r\n--{boundary}--\r\n".encode(),
        headers={
            "Content-Type": f'multipart/related; type="{DICOM}"; boundary={boundary}',
            "Accept": DICOM_JSON,
        },
    )
    answer = _json(content)
    failed = answer.get(FAILED) if isinstance(answer, dict) else None
    if status not in (200, 202) or (isinstance(failed, dict) and failed.get("Value")):
        raise Refused(f"{destination} did not store it (HTTP {status}).", for_good=True)


def post_bundle(destination: Destination, bundle: dict[str, Any]) -> None:
    """Put the resources of a bundle, all or none. Raises Unreachable, Refused."""
    status, content = _call(
        destination,
        "POST",
        "",
        data=json.dumps(transaction(bundle), ensure_ascii=False).encode(),
        headers={"Content-Type": f"{MEDIA_TYPE}; charset=utf-8", "Accept": MEDIA_TYPE},
    )
    if status not in (200, 201):
        raise Refused(
            f"{destination} did not take the bundle (HTTP {status}{_outcome(content)}).", for_good=True
        )


def transaction(bundle: dict[str, Any]) -> dict[str, Any]:
    """A bundle that has a server put each resource at its own id: a later version replaces it, and twice is once."""
    entries = [
        entry
        | {
            "request": {
                "method": "PUT",
                "url": f"{entry['resource']['resourceType']}/{entry['resource']['id']}",
            }
        }
        for entry in bundle["entry"]
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def echo(destination: Destination) -> str:
    """Ask whether it is there and lets us in. Raises Unreachable, Refused."""
    if destination.protocol == Protocol.FHIR:
        status, content = _call(destination, "GET", "/metadata", headers={"Accept": MEDIA_TYPE})
        answer = _json(content)
        if (
            status != 200
            or not isinstance(answer, dict)
            or answer.get("resourceType") != "CapabilityStatement"
        ):
            raise Refused(
                f"{destination} does not say that it is a FHIR server (HTTP {status}).", for_good=False
            )
        return f"{destination} is a FHIR server of version {str(answer.get('fhirVersion'))[:20]}."
    status, _ = _call(
        destination, "GET", "/studies?limit=1&StudyInstanceUID=1.2.3", headers={"Accept": DICOM_JSON}
    )
    if status not in (200, 204):
        raise Refused(f"{destination} does not answer a search for studies (HTTP {status}).", for_good=False)
    return f"{destination} answers a search for studies."


def _call(
    destination: Destination, method: str, path: str, headers: dict[str, str], data: bytes = b""
) -> tuple[int, bytes]:
    """The status and the beginning of the answer. Redirects are not followed: they may lead anywhere."""
    secret = authorization(destination.name)
    if secret:
        headers = headers | {"Authorization": secret}
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxies, and no passwords of the account that this runs as
            session.mount("https://", _Adapter(destination.name))
            with session.request(
                method,
                destination.url.rstrip("/") + path,
                data=data or None,
                headers=headers,
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(MAX_ANSWER_BYTES, decode_content=True)
                status = answer.status_code
    except (requests.RequestException, HTTPError, OSError) as error:  # an HTTPError while the answer is read
        raise Unreachable(f"{destination} can't be reached ({_words(error)}).") from error
    if status in BUSY or status >= 500:
        raise Refused(f"{destination} can't take it at the moment (HTTP {status}).", for_good=False)
    if status in (401, 403):
        raise Refused(f"{destination} does not let us in (HTTP {status}).", for_good=False)
    return status, content


def _words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, (requests.Timeout, NoAnswerInTime)):
        return "no answer in time"
    return "its answer breaks off or can't be read" if isinstance(error, HTTPError) else "no connection"


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _outcome(content: bytes) -> str:
    """What a FHIR server says is wrong, by its code: its texts may quote what was sent."""
    answer = _json(content)
    issues = answer.get("issue") if isinstance(answer, dict) else None
    codes = (
        [str(one.get("code"))[:40] for one in issues if isinstance(one, dict)]
        if isinstance(issues, list)
        else []
    )
    return f", {', '.join(codes[:3])}" if codes else ""
