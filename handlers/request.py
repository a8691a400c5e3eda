"""Reads one entry of a TorchServe batch: the image's bytes and its options."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handlers.card import ModelCard
from handlers.errors import InvalidJson, InvalidOption
from handlers.kserve import Wrapping, unwrapped
from imaging.errors import CodedError, EmptyImage, SeveralImages
from imaging.overlay import MEDIA_TYPES

IMAGE_FIELDS = ("body", "data", "image")
"""Names of the input that holds the image: of a raw body; of TorchServe's gRPC and forms; of JSON and forms."""
OPTIONS = ("explain", "label", "overlay_format", "overlay", "heatmap", "findings")
HEAT_MAPS = IMAGE, GRID = ("image", "grid")
"""In which form a heat map is sent: as a picture as large as the image, or as the cells that it is enlarged from."""
HEADERS = {
    "x-explain": "explain",
    "x-label": "label",
    "x-overlay-format": "overlay_format",
    "x-overlay": "overlay",
    "x-heatmap": "heatmap",
    "x-findings": "findings",
}
"""Headers that hold options beside a raw body, as TorchServe drops the query of /predictions and /explanations."""
ROUTING = ("model_name", "model_version")
"""Query parameters by which TorchServe's /invocations selects the model."""
WORDS = {"true": True, "1": True, "false": False, "0": False}
JSON_PARTS, MAX_JSON_PARTS = (b"{", b"[", b","), 64
"""Characters that open or add a part in JSON, and how many of them are parsed. Few are needed, and a part takes far
more memory than its text. Base64 has none of them, a data URL one."""
GIVEN_TWICE = object()
"""Takes the place of the values of an input that was given more than once. TorchServe alone would keep the last."""
ONE_HEAT_MAP = "Heat maps are drawn for one image at a time: send it alone, or without explain."
CARD_HEADER = "x-card"
"""The header that asks for the model card; the request has no image."""
TRUE = "True"
"""As TorchServe writes it in its own headers. These have lower-case names, and replace any that a caller sends."""


@dataclass(frozen=True)
class Options:
    """The options of a request: an explanation, of which label (None: the most probable), an overlay, in which format,
    the heat map in which form, and the findings, of models that have a map of them."""

    explain: bool = True
    label: str | None = None
    overlay_format: str = "png"
    overlay: bool = True
    heatmap: str = IMAGE
    findings: bool = True


@dataclass(frozen=True)
class Request:
    """One image to predict; `explanation_only` if the request was to /explanations, `is_alone` if it has no other image."""

    content: bytes
    declared_type: str | None = None
    options: Options = Options()
    explanation_only: bool = False
    is_alone: bool = True


@dataclass(frozen=True)
class Bundle:
    """The images of one request in a KServe protocol: for each its request, or its error."""

    items: tuple[Request | CodedError, ...]
    wrapping: Wrapping
    explanation_only: bool = False

    def wrap(self, answers: Sequence[Any], card: ModelCard) -> dict[str, Any]:
        """The protocol's answer that holds the answers to the items, in order."""
        return self.wrapping.wrap(answers, card, self.explanation_only)


def asks_for_card(row: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    """Whether a batch entry asks for the model card: from TorchServe's management, or by a header and no image.

    The management's request has no body at all. A caller may send a header of the same name, but always beside a body,
    which may be empty.
    """
    if not row:
        return headers.get("describe") == TRUE
    asked = next((value for name, value in headers.items() if name.lower() == CARD_HEADER), None)
    return row.keys() == {"body"} and not bytes_of(row["body"]) and WORDS.get(str(asked).lower(), False)


def read_request(
    row: Mapping[str, Any], headers: Mapping[str, Any], labels: Sequence[str]
) -> Request | Bundle:
    """Read a batch entry: `row` maps the body, form fields or gRPC inputs by name; `headers` are those of HTTP.

    Options may be JSON keys, form fields, gRPC inputs, headers, or query parameters if TorchServe passes them; on
    conflict the first of these wins. Raises EmptyImage, InvalidJson, SeveralImages, and InvalidOption for an unknown
    option, one that is given twice, a value that it can't have, or a label that is not among `labels`.
    """
    _check_once(row)
    # TorchServe marks /explanations by this header; a query parameter of that name would be a mapping here.
    explanation_only = headers.get("explain") == TRUE
    headers = {name.lower(): value for name, value in headers.items()}
    declared = _media_type(headers.get("content-type"))
    given: dict[str, Any] = {
        option: headers[header] for header, option in HEADERS.items() if header in headers
    }
    fields = {name: value for name, value in row.items() if name not in ROUTING}
    body: Any = b""
    for name in IMAGE_FIELDS:
        if name in fields:
            body = fields.pop(name)
            declared = _media_type(_field_type(headers, name)) or declared
            break
    given |= fields
    content = bytes_of(body)
    if declared == "application/json" or isinstance(body, Mapping) or content[:1] in (b"{", b"["):
        members = _members(body)
        if wrapping := unwrapped(members):
            return _bundle(wrapping, given, labels, explanation_only)
        content = _from_base64(members.pop("image", None))
        given |= members
    options = _options(given, labels)
    if explanation_only:
        options = replace(options, explain=True)
    return Request(content, declared, options, explanation_only)


def _check_once(row: Mapping[str, Any]) -> None:
    """Raise SeveralImages or InvalidOption if an image or option is given more than once."""
    twice = [name for name, value in row.items() if value is GIVEN_TWICE]
    images = [name for name in IMAGE_FIELDS if name in row]
    if len(images) > 1 or any(name in twice for name in images):
        raise SeveralImages("The request has several images. Send each with a request of its own.")
    if twice:
        raise InvalidOption(f"{_quoted(twice[0])} is given more than once. Give it once.")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of these members. Raises InvalidJson for a repeated key."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise InvalidJson(f"The JSON key {_quoted(twice)} is given more than once. Give it once.")
    return members


def _bundle(
    wrapping: Wrapping, given: Mapping[str, Any], labels: Sequence[str], explanation_only: bool
) -> Bundle:
    """The images of a body in a KServe protocol, each with its own options, those for all, and those beside the body.

    Several images are answered without heat maps, which are large and take most of the time.
    """
    several = len(wrapping.images) > 1

    def read(members: Mapping[str, Any]) -> Request | CodedError:
        options = {"explain": not several} | dict(given) | dict(wrapping.options) | dict(members)
        try:
            content = _from_base64(options.pop("image", None))
            asked = _options(options, labels)
            if several and (asked.explain or explanation_only):
                raise InvalidOption(ONE_HEAT_MAP)
        except CodedError as error:
            return error
        return Request(
            content,
            None,
            replace(asked, explain=asked.explain or explanation_only),
            explanation_only,
            is_alone=not several,
        )

    return Bundle(tuple(map(read, wrapping.images)), wrapping, explanation_only)


def bytes_of(value: Any) -> bytes:
    """A value as bytes. TorchServe turns text bodies into str; a text from JSON may hold half a surrogate pair."""
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _field_type(headers: Mapping[str, Any], field: str) -> Any:
    """The content type of a form field, which TorchServe keeps among the headers under the field's name."""
    facts = headers.get(field)
    return facts.get("content-type") if isinstance(facts, Mapping) else None


def _media_type(value: Any) -> str | None:
    """The media type of a content type: "text/plain" of "Text/Plain; charset=utf-8"; None without one."""
    if not isinstance(value, str):
        return None
    return value.split(";")[0].strip().lower() or None


def _members(body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        content = bytes_of(body)
        if sum(map(content.count, JSON_PARTS)) > MAX_JSON_PARTS:
            raise InvalidJson(
                "The JSON body must be one flat object of an image and its options, or some images as KServe's "
                "protocols send them; this one has too many parts."
            )
        try:
            body = json.loads(content, object_pairs_hook=_object_of)
        except ValueError as error:
            raise InvalidJson("The body is not valid JSON.") from error
    if not isinstance(body, Mapping):
        raise InvalidJson('The JSON body must be an object: {"image": "base64 of the image file"}.')
    return dict(body)


def _from_base64(value: Any) -> bytes:
    if value is None or value == "":
        raise EmptyImage('The JSON body has no image: give {"image": "base64 of the image file"}.')
    if not isinstance(value, str):
        raise InvalidJson("The JSON key image must be a text: the base64 of the image file.")
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidJson("The JSON key image is not valid base64.") from error


def _options(given: Mapping[str, Any], labels: Sequence[str]) -> Options:
    unknown = sorted(given.keys() - set(OPTIONS))
    if unknown:
        raise InvalidOption(
            f"Unknown option {_quoted(unknown[0])}. Options are {', '.join(OPTIONS)}; the image goes into the body "
            f"or the field image."
        )
    label, overlay_format = given.get("label"), given.get("overlay_format")
    return Options(
        explain=_boolean("explain", given),
        overlay=_boolean("overlay", given),
        findings=_boolean("findings", given),
        label=None if label is None else _one_of("label", label, labels),
        overlay_format=_one_of("overlay_format", overlay_format or "png", tuple(MEDIA_TYPES)),
        heatmap=_one_of("heatmap", given.get("heatmap") or IMAGE, HEAT_MAPS),
    )


def _boolean(name: str, given: Mapping[str, Any]) -> bool:
    """An option that is true by default."""
    value = given.get(name, True)
    if isinstance(value, bool):
        return value
    boolean = WORDS.get(bytes_of(value).decode(errors="replace").lower())
    if boolean is None:
        raise InvalidOption(f"The option {name} must be true or false.")
    return boolean


def _one_of(name: str, value: Any, known: Sequence[str]) -> str:
    text = bytes_of(value).decode(errors="replace")
    if text not in known:
        raise InvalidOption(f"Unknown {name} {_quoted(text)}. Known are {', '.join(known)}.")
    return text


def _quoted(text: str) -> str:
    """A caller's text, quoted and shortened for a message."""
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
