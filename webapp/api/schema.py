"""Adds the one shape of errors to every call in the API's description."""

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
ERROR_STATUSES = ("4XX", "5XX")
"""Ranges and no `default`: a generated client would read everything unknown as a `default`, pictures too."""


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every call the error's shape for each status of an error. drf-spectacular calls this."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    components.setdefault("responses", {})["Error"] = {"description": "An error.", "content": content}
    for path in result["paths"].values():
        for method, call in path.items():
            if method in METHODS:
                call["responses"] |= {key: {"$ref": "#/components/responses/Error"} for key in ERROR_STATUSES}
    return result
