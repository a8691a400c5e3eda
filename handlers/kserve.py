"""KServe's inference protocols, v1 and v2: several images in one JSON body, and one answer for all of them.

v1 is `{"instances": [...]}`, v2 (the Open Inference Protocol) one tensor of BYTES. An image that fails has its error in
the place of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.answer import as_json
from handlers.card import ModelCard
from handlers.errors import InvalidJson

MOST_IMAGES = 8
"""Images in one request: as many as in a batch."""
IMAGE_KEYS = ("image", "data", "body", "image_bytes", "b64")
"""Keys under which clients of KServe, TorchServe and TensorFlow Serving put the image of an instance."""
CONTENT_TYPE = "content_type"
"""A parameter of v2 that some clients send to declare base64; it is ignored."""


@dataclass(frozen=True)
class Wrapping:
    """A body of either protocol: the members of each image, as in a body of its own, and the `options` of all."""

    images: tuple[dict[str, Any], ...]
    options: Mapping[str, Any]
    is_v2: bool = False
    id: str | None = None

    def wrap(self, answers: Sequence[Any], card: ModelCard, explanation_only: bool) -> dict[str, Any]:
        """The protocol's answer that holds these answers, in order."""
        if not self.is_v2:
            return {"explanations" if explanation_only else "predictions": list(answers)}
        texts = [as_json(answer).decode() for answer in answers]
        output = {"name": "answers", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
        facts = {"model_name": card.name, "model_version": card.version, "outputs": [output]}
        return facts if self.id is None else facts | {"id": self.id}


def unwrapped(members: Mapping[str, Any]) -> Wrapping | None:
    """Read a JSON body of one of the protocols; None for any other. Raises InvalidJson."""
    if "instances" in members:
        wrapping = _v1(dict(members))
    elif "inputs" in members:
        wrapping = _v2(dict(members))
    else:
        return None
    if not 0 < len(wrapping.images) <= MOST_IMAGES:
        raise InvalidJson(
            f"One request takes 1 to {MOST_IMAGES} images; this one has {len(wrapping.images)}."
        )
    return wrapping


def _v1(members: dict[str, Any]) -> Wrapping:
    instances = members.pop("instances")
    if not isinstance(instances, list):
        raise InvalidJson('The JSON key instances must be a list: {"instances": [{"image": "base64"}]}.')
    return Wrapping(tuple(map(_instance, instances)), members)


def _instance(given: Any) -> dict[str, Any]:
    members = dict(given) if isinstance(given, Mapping) else {"image": given}
    key = next((key for key in IMAGE_KEYS if key in members), "image")
    image = members.pop(key, None)
    if isinstance(image, Mapping) and image.keys() == {"b64"}:
        image = image["b64"]
    return members | {"image": image}


def _is_id(value: Any) -> bool:
    """Whether a value can be sent back as an id: a text without halves of surrogate pairs, or none."""
    if not isinstance(value, str):
        return value is None
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _v2(members: dict[str, Any]) -> Wrapping:
    inputs, request_id = members.pop("inputs"), members.pop("id", None)
    members.pop("outputs", None)  # which outputs are asked for; there is just one
    tensor = (
        inputs[0] if isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], Mapping) else {}
    )
    data = tensor.get("data")
    if tensor.get("datatype") != "BYTES" or not isinstance(data, list) or not _is_id(request_id):
        raise InvalidJson(
            'The JSON key inputs must be one tensor of base64 texts: {"inputs": [{"name": "image", "shape": [1], '
            '"datatype": "BYTES", "data": ["base64"]}]}; an id is a text of whole Unicode characters.'
        )
    for holder in (members.pop("parameters", None), tensor.get("parameters")):
        if isinstance(holder, Mapping):
            members |= {name: value for name, value in holder.items() if name != CONTENT_TYPE}
    return Wrapping(tuple({"image": text} for text in data), members, is_v2=True, id=request_id)
