"""Adds to the API's description what every call can answer: an error in our one shape."""

from typing import Any

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "For programs."},
                "message": {"type": "string", "description": "For people: what is wrong and what to do."},
                "fields": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                    "description": "What is wrong with which field.",
                },
            },
        }
    },
}
METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every call a default answer of the error's shape; drf-spectacular calls it."""
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for method, call in path.items():
            if method in METHODS:
                call["responses"]["default"] = {"description": "An error.", "content": content}
    return result
