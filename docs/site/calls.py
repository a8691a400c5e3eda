"""The reference of the REST API: a section for each call, made of the description that /api/schema/ gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "docs/reference-rest"
METHODS = ("get", "post", "put", "patch", "delete")


def add_calls(app: Sphinx, page: str, source: list[str]) -> None:
    """Add all calls to the page, in the order of their addresses, and the schemas of what they take and answer."""
    if page != PAGE:
        return
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    source[0] += reference(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


def reference(description: Mapping[str, Any]) -> str:
    """The calls and schemas of an OpenAPI document, as Markdown."""
    calls = [
        _call(f"{method.upper()} {path}", call)
        for path, item in description["paths"].items()
        for method, call in item.items()
        if method in METHODS
    ]
    schemas = [_schema(name, schema) for name, schema in description["components"]["schemas"].items()]
    return "\n## Calls\n" + "".join(calls) + "\n## What they take and answer\n" + "".join(schemas)


def _call(title: str, call: Mapping[str, Any]) -> str:
    lines = ["", f"### `{title}`", "", _plain(call.get("description", ""))]
    rows = [
        (
            f"`{parameter['name']}`",
            parameter["in"],
            _type(parameter["schema"]),
            parameter.get("description", ""),
        )
        for parameter in call.get("parameters", [])
    ]
    lines += _table(("Parameter", "in", "type", ""), rows)
    bodies = [
        ("takes", kind, content) for kind, content in call.get("requestBody", {}).get("content", {}).items()
    ]
    for status, answer in call["responses"].items():
        if not status.endswith("XX"):  # errors have one form everywhere
            bodies += [(status, kind, content) for kind, content in answer.get("content", {}).items()] or [
                (status, "", {})
            ]
    lines += _table(
        ("", "media type", "form"), [(what, kind, _type(c.get("schema", {}))) for what, kind, c in bodies]
    )
    return "\n".join(lines) + "\n"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    lines = ["", f"### {name}", "", _plain(schema.get("description", ""))]
    needed = schema.get("required", [])
    rows = [
        (
            f"`{field}`" + ("" if field in needed else " (may be left out)"),
            _type(kind),
            kind.get("description", ""),
        )
        for field, kind in schema.get("properties", {}).items()
    ]
    if not rows:
        lines += [_type({key: value for key, value in schema.items() if key != "description"}), ""]
    return "\n".join([*lines, *_table(("Field", "type", ""), rows)]) + "\n"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema's type in a few words; a named schema becomes a link to its section."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[key]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    words = " ".join(str(schema[key]) for key in ("type", "format") if key in schema)
    return (words or "any") + (", or null" if schema.get("nullable") else "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield ""
        for row in (head, ("---",) * len(head), *rows):
            yield "| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in row) + " |"


def _plain(text: str) -> str:
    return " ".join(text.split())
