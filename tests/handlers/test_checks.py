"""Checks of what people or programs wrote: hostile values are refused, each in a sentence that names its field."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from handlers.checks import (
    MOST_SENTENCES,
    STRICT,
    Count,
    FieldError,
    Line,
    OneOf,
    Positive,
    Range,
    Sha256,
    Share,
    Text,
    read_json,
    read_values,
)


@dataclass(frozen=True, config=STRICT)
class Part:
    """A record in a record."""

    share: Share = 0.5
    positive: Positive = 1.0
    count: Count = 0
    side: Annotated[int, Range(32, 64)] = 32
    above: Annotated[float, Range(0, 2, above=True)] = 1.0
    flag: bool = True
    text: Text = "a"
    line: Line = "a"
    word: Annotated[str, OneOf("red", "blue")] = "red"
    digest: Sha256 = "0" * 64


@dataclass(frozen=True, config=STRICT)
class Whole:
    """Records in a list, and anything beside them."""

    parts: tuple[Part, ...]
    anything: dict[str, Any]


WHOLE = TypeAdapter(Whole)


def refusal(text: str | bytes) -> str:
    """The sentence by which a text is refused."""
    with pytest.raises(FieldError) as refused:
        read_json(WHOLE, text, "the file")
    return str(refused.value)


def refusal_of_second_part(**fields: Any) -> str:
    """The sentence by which the second part is refused."""
    return refusal(json.dumps({"parts": [{}, fields], "anything": {}}))


def test_what_fits_is_read() -> None:
    assert read_json(WHOLE, '{"parts": [{"share": 1}], "anything": {"a": [1.5]}}', "the file") == Whole(
        parts=(Part(share=1.0),), anything={"a": [1.5]}
    )


@pytest.mark.parametrize("value", ["1", True, None, [1], {"a": 1}, float("nan"), float("inf"), -(10**400)])
@pytest.mark.parametrize("field", ["share", "positive", "count", "side", "above"])
def test_nothing_else_is_taken_for_a_number(field: str, value: object) -> None:
    assert refusal_of_second_part(**{field: value}).startswith(f"parts[1].{field} must be ")


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None])
def test_nothing_else_is_taken_for_true_or_false(value: object) -> None:
    assert (
        refusal_of_second_part(flag=value) == f"parts[1].flag must be true or false, not {json.dumps(value)}"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"share": 1.1}, "parts[1].share must be from 0 to 1, not 1.1"),
        ({"positive": 0}, "parts[1].positive must be greater than 0, not 0"),
        ({"count": -1}, "parts[1].count must be a whole number, 0 or greater, not -1"),
        ({"count": 1.5}, "parts[1].count must be a whole number, not 1.5"),
        ({"count": 1.0}, "parts[1].count must be a whole number, not 1.0"),
        ({"side": 31}, "parts[1].side must be from 32 to 64, not 31"),
        ({"above": 0}, "parts[1].above must be above 0 and at most 2, not 0"),
        ({"text": " \x1c"}, 'parts[1].text must be a text that is not empty, not " \\u001c"'),
        ({"text": 1}, "parts[1].text must be a text, not 1"),
        ({"line": "a\nb"}, 'parts[1].line must be one line of up to 200 letters, not "a\\nb"'),
        ({"line": "a" * 201}, f'parts[1].line must be one line of up to 200 letters, not "{"a" * 59}…'),
        ({"word": "green"}, 'parts[1].word must be one of: red, blue, not "green"'),
        ({"word": ["red"]}, "parts[1].word must be one of: red, blue"),
        ({"digest": "0" * 64 + "\n"}, "parts[1].digest must be 64 hexadecimal digits"),
        ({"colour": 1}, "field parts[1].colour is not known"),
        ({"a\nb": 1}, 'field parts[1]."a\\nb" is not known'),
        ({"a" * 99: 1}, f"field parts[1].{'a' * 60}… is not known"),
        (
            {"text": "", "flag": 3},
            "parts[1].flag must be true or false, not 3; parts[1].text must be a text that",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_field(fields: dict[str, Any], sentence: str) -> None:
    assert refusal_of_second_part(**fields).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "the file must be a JSON object"),
        ("null", "the file must be a JSON object, not null"),
        ("{}", "field parts is missing; field anything is missing"),
        ("{", "the file is not valid JSON ("),
        (b"\xff", "the file is not valid JSON ("),
        ("[" * 100_000, "the file is not valid JSON (recursion limit exceeded"),
        ('{"parts": [], "anything": {"a": "\\ud800"}}', "the file is not valid JSON ("),
        ('{"parts": [], "anything": {"a": ' + "9" * 5000 + "}}", "the file is not valid JSON ("),
        ('{"parts": [], "anything": {"a": NaN}}', "the file can't be used: NaN is no number that JSON has"),
        ('{"parts": [], "anything": {"a": [-1e999]}}', "the file can't be used: -1e999 is no number"),
        ('{"parts": [], "parts": [], "anything": {}}', 'the file can\'t be used: "parts" stands twice'),
        ('{"parts": [], "anything": {"a": {"b": 1, "b": 1}}}', 'the file can\'t be used: "b" stands twice'),
    ],
)
def test_a_text_that_is_no_such_file_is_told(text: str | bytes, sentence: str) -> None:
    assert refusal(text).startswith(sentence)


def test_what_is_wrong_beside_the_first_is_counted() -> None:
    sentence = refusal(json.dumps({"parts": [{"flag": 1}] * 1000, "anything": {}}))
    assert sentence.count("must be") == MOST_SENTENCES and sentence.endswith("; and 995 more")


def test_values_of_yaml_and_toml_are_held_to_the_same() -> None:
    def read(**fields: Any) -> Whole:
        return read_values(WHOLE, {"parts": [fields], "anything": {}}, "the file")

    assert read(text=date(2026, 1, 2)).parts[0].text == "2026-01-02"
    for wrong in ({"share": float("nan")}, {"count": True}, {"count": "1"}):
        with pytest.raises(FieldError, match="must be"):
            read(**wrong)
    with pytest.raises(FieldError, match="the file can't be used"):
        read(count=16**5000)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FieldError, match="the file can't be used"):
        read_values(WHOLE, deep, "the file")
