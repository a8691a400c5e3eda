"""Checks of files and settings by pydantic: a value fits its type, or a sentence for people says what is wrong.

The annotated types here say what a value must be. Records that are read from files are dataclasses with the
configuration STRICT.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, GroupedMetadata, Gt, Le
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

T = TypeVar("T")

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""For every record: "1" is no number, 1 is not true, NaN is refused, and an unknown field is an error."""
LONGEST_LINE = 200
"""Letters of a text that people see in one line, and of a field in a database."""
LONGEST_SHOWN = 60
"""Letters of a wrong value, or of a field's name, that a message repeats."""
MOST_SENTENCES = 5
"""Errors that a message lists; further ones are counted."""
KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""By pydantic's code of an error, the kind of value that is expected."""
JSON_OBJECT, MAPPING = "a JSON object", "names with values"
"""The words for a mapping in JSON, and in TOML or YAML."""
OBJECTS = ("dict_type", "dataclass_type")
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class FieldError(ValueError):
    """A value that can't be used; the message names its field."""


def must_be(what: str) -> PydanticCustomError:
    """The error for a validator to raise. Its message is "FIELD must be `what`"."""
    return PydanticCustomError("must_be", "must be {what}", {"what": what})


def must(what: str) -> WrapValidator:
    """Replaces pydantic's message for a value of the right kind by "must be `what`"."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if error.errors()[0]["type"] in KINDS:
                raise
            raise must_be(what) from error

    return WrapValidator(check)


class Range(GroupedMetadata):
    """A number from `least` to `most`; with `above`, greater than `least`."""

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        self.least, self.most, self.above = least, most, above

    def __iter__(self) -> Iterator[object]:
        """The bounds, and the message for a number outside."""
        yield Gt(self.least) if self.above else Ge(self.least)
        yield Le(self.most)
        yield must(
            f"above {self.least:g} and at most {self.most:g}"
            if self.above
            else f"from {self.least:g} to {self.most:g}"
        )


class OneOf(GroupedMetadata):
    """One of a list of texts."""

    def __init__(self, *known: str) -> None:
        self.known = known

    def __iter__(self) -> Iterator[object]:
        """The check, and its JSON schema."""
        yield BeforeValidator(self._checked)
        yield WithJsonSchema({"type": "string", "enum": list(self.known)})

    def _checked(self, value: object) -> object:
        if not isinstance(value, str) or value not in self.known:
            raise must_be(f"one of: {', '.join(self.known)}")
        return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise must_be("a text that is not empty")
    return text


def _one_line(text: str) -> str:
    if len(text) > LONGEST_LINE or not text.isprintable():
        raise must_be(f"one line of up to {LONGEST_LINE} letters")
    return text


def composed(text: str) -> str:
    """A text in Unicode's composed form (NFC), in which texts that look the same compare as equal."""
    return unicodedata.normalize("NFC", text)


Text = Annotated[str, Field(min_length=1), must("a text that is not empty"), AfterValidator(_not_blank)]
Line = Annotated[Text, AfterValidator(_one_line)]
Composed = Annotated[str, AfterValidator(composed)]
Positive = Annotated[float, Gt(0), must("greater than 0")]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Ge(0), must("a whole number, 0 or greater")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), must("64 hexadecimal digits")]


def content_sha256(content: Any) -> str:
    """The sha256 of JSON values, whatever the layout of the file that holds them."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(kind: TypeAdapter[T], text: str | bytes, whole: str) -> T:
    """Read a value of a kind from a JSON text, which messages call `whole`. Raises FieldError."""
    try:
        value = kind.validate_json(text)
    except ValidationError as error:
        raise FieldError(refusal(error, whole)) from error
    # In fields of any type, pydantic accepts NaN and infinity. Of two equal names it takes the last.
    try:
        json.loads(text, object_pairs_hook=_each_once, parse_float=_finite, parse_constant=_finite)
    except ValueError as error:
        raise FieldError(f"{whole} can't be used: {error}") from error
    return value


def read_values(kind: TypeAdapter[T], values: object, whole: str) -> T:
    """Check values that were read from YAML or TOML, which messages call `whole`. Raises FieldError."""
    try:
        # Strict mode makes records and tuples from JSON only.
        return kind.validate_json(json.dumps(values, ensure_ascii=False, default=str))
    except ValidationError as error:
        raise FieldError(refusal(error, whole, MAPPING)) from error
    except (ValueError, RecursionError) as error:
        raise FieldError(f"{whole} can't be used: {error}") from error


def refusal(error: ValidationError, whole: str, an_object: str = JSON_OBJECT) -> str:
    """The errors as sentences for people, by field; `whole` names what was read, `an_object` the word for a mapping."""
    sentences = [_sentence(one, whole, an_object) for one in error.errors(include_url=False)]
    more = len(sentences) - MOST_SENTENCES
    return "; ".join([*sentences[:MOST_SENTENCES], *([f"and {more} more"] if more > 0 else [])])


def _sentence(error: ErrorDetails, whole: str, an_object: str) -> str:
    where, kind, context = _where(error["loc"], whole), error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"field {where} is missing"
    if kind in UNKNOWN:
        return f"field {where} is not known"
    if kind == "json_invalid":
        return f"{whole} is not valid JSON ({context['error']})"
    if kind == "value_error":
        return f"{where}: {context['error']}" if error["loc"] else str(context["error"])
    expected = (
        an_object
        if kind in OBJECTS
        else KINDS.get(kind) or context.get("what") or error["msg"].removeprefix("Input should be ")
    )
    return f"{where} must be {expected}{_instead(error['input'])}"


def _where(location: tuple[int | str, ...], whole: str) -> str:
    """The path of a field: `rules[1].state`."""
    if location and location[-1] == "[key]":
        return f"the name {_shown(str(location[-2]))} in {_where(location[:-2], whole)}"
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in location)
    return f"{whole}{text}" if text.startswith("[") else text[1:] or whole


def _instead(value: object) -> str:
    """The value that was given, if it is short."""
    return f", not {_shown(value)}" if value is None or isinstance(value, str | int | float) else ""


def _shown(value: object) -> str:
    try:
        return _cut(json.dumps(value, ensure_ascii=False))
    except ValueError:
        return "so large a number"


def _name(text: str) -> str:
    return _cut(text) if text.isprintable() else _shown(text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{_shown(name)} is given twice in one object")
        seen.add(name)


def _finite(text: str) -> None:
    if not math.isfinite(float(text)):
        raise ValueError(f"{_cut(text)} is no number that JSON has")
