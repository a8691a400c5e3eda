"""Regular expressions: each takes steps as the text that it meets has letters, and reads no digits but 0 to 9."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.backtracking import Counter, TooMuch, letters_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("webapp", "handlers", "imaging")
FIELDS = ("PatternField", "RegexField", "RegexValidator")
WHOLE, BEGINNING, EVERYWHERE = Counter.fullmatch, Counter.beginning, Counter.everywhere
# Each pattern by module and name (or by itself, where it stands in a field): how it is looked for, and what has to
# come first for the rest to be tried.
EXPRESSIONS: dict[str, tuple[Any, str]] = {
    "handlers.card:LABEL": (WHOLE, ""),
    "handlers.card:NAME": (WHOLE, ""),
    "imaging.bundle:_DIGITS": (EVERYWHERE, ""),
    "imaging.bundle:_WORDS": (EVERYWHERE, ""),
    "imaging.dicom.origin:UID_TEXT": (WHOLE, ""),
    "imaging.readers.optovue:_WORD": (EVERYWHERE, ""),
    "imaging.dicom_identity:DATE": (BEGINNING, ""),
    "imaging.dicom_identity:WRITTEN_DATE": (WHOLE, ""),
    "handlers.engines.compiled:PLAIN": (WHOLE, ""),
    "imaging.structure.jpeg:_AFTER_SCAN": (EVERYWHERE, ""),
    "imaging.structure.jpeg:_MARKER": (EVERYWHERE, ""),
    "imaging.structure.mpo:_MARKER": (EVERYWHERE, ""),
    "imaging.structure.tiff_stacks:_IMAGEJ_COUNT": (EVERYWHERE, ""),
    "imaging.structure.tiff_stacks:_OME_SIZE": (EVERYWHERE, ""),
    "handlers.tables:FORMULA": (BEGINNING, ""),
    "handlers.tables:NUMBER": (WHOLE, ""),
    "handlers.tables:UNFIT_FOR_PATHS": (EVERYWHERE, ""),
    "handlers.torchserve_handler:UNSAFE_IN_LOGS": (EVERYWHERE, ""),
    "webapp.accounts.deidentified:ID": (WHOLE, ""),
    "webapp.annotations.drawing:SHAPE": (WHOLE, "<svg>"),
    "webapp.annotations.selectors:BETWEEN_NUMBERS": (EVERYWHERE, ""),
    "webapp.annotations.selectors:FRAGMENT": (WHOLE, "xywh=pixel:1,1,"),
    "webapp.annotations.selectors:NUMBER": (EVERYWHERE, ""),
    "webapp.annotations.selectors:PATH_PARTS": (EVERYWHERE, ""),
    "webapp.annotations.selectors:PATH_TOKENS": (EVERYWHERE, ""),
    "webapp.annotations.shapes:ELEMENT": (EVERYWHERE, "<svg"),
    "webapp.annotations.shapes:RADIUS": (EVERYWHERE, ""),
    "webapp.core.request_id:GROUP": (EVERYWHERE, "(?P<a>"),
    "webapp.core.request_id:WELL_FORMED": (WHOLE, ""),
    "webapp.audit.head_note:WELL_FORMED": (WHOLE, ""),
    "webapp.audit.viewing:PLAIN_VALUE": (WHOLE, ""),
    "webapp.exports.views:^[0-9a-f]{24}$": (EVERYWHERE, ""),
    "webapp.metrics.instruments:HEAD_OF_SENTENCE": (WHOLE, ""),
    "webapp.metrics.middleware:CONVERTER": (EVERYWHERE, "<a:"),
    "webapp.metrics.middleware:REGULAR": (EVERYWHERE, ""),
    "webapp.reports.fonts:BLANKS": (EVERYWHERE, ""),
    "webapp.reports.columns:BOLD_TAG": (EVERYWHERE, ""),
    "webapp.scans.request_serializers:^[ -~]+$": (EVERYWHERE, ""),
    "webapp.scans.request_serializers:^[A-Za-z0-9][A-Za-z0-9._-]*$": (EVERYWHERE, ""),
    "webapp.pacs.models:HOST": (WHOLE, ""),
    "webapp.pacs.models:NAME": (WHOLE, ""),
    "webapp.scans.storage:NAME": (WHOLE, ""),
    "webapp.gateway.views:WITHOUT_VERSION": (WHOLE, "/inference/"),
    "webapp.receiver.storing:PLAIN_UID": (WHOLE, ""),
    "handlers.card:MODALITY": (WHOLE, ""),
}
# Those that meet the project's own texts alone, and would not stand the test.
OF_OURS = {"webapp.metrics.middleware:GROUP": "the addresses of our own URL configuration"}
LETTERS = 40
GROWTH, SLACK = 2.3, 100


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Name and syntax tree of every module that may meet what people send."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """What is called, as it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@cache
def expressions() -> dict[str, re.Pattern[Any]]:
    """All patterns of the packages."""
    found: dict[str, re.Pattern[Any]] = {}
    for module, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("re.compile("):
                name = ast.unparse(node.targets[0])
                found[f"{module}:{name}"] = getattr(import_module(module), name)
        for function, call in called(tree):
            if function.rpartition(".")[2] in FIELDS:
                pattern = ast.literal_eval(call.args[0])
                found[f"{module}:{pattern}"] = re.compile(pattern)
    return found


def test_each_expression_is_a_constant_with_a_row_of_its_own() -> None:
    allowed = {"re.compile", "re.escape"}
    elsewhere = [
        f"{module}:{call.lineno} {function}"
        for module, tree in modules()
        for function, call in called(tree)
        if function.startswith("re.") and function not in allowed
    ]
    in_functions = [
        f"{module}:{call.lineno}"
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for function, call in called(node)
        if function == "re.compile"
    ]

    assert not elsewhere + in_functions, "write it as a constant of the module: NAME = re.compile(…)"
    assert expressions().keys() == EXPRESSIONS.keys() | OF_OURS.keys()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_text_of_twice_the_length_takes_twice_the_steps(name: str) -> None:
    pattern = expressions()[name]
    look, start = EXPRESSIONS[name]
    letters = letters_of(pattern)
    for pump, end in product(map("".join, product(letters, repeat=2)), ("", "\x00")):
        steps = []
        for count in (LETTERS, 2 * LETTERS):
            counter = Counter(pattern)
            look(counter, start + pump * (count // 2) + end)
            steps.append(counter.steps)

        assert steps[1] <= GROWTH * steps[0] + SLACK, (pump, end, steps)


def test_an_expression_that_backtracks_is_found() -> None:
    for source, pump in ((r"(a+)+b", "a"), (r"a*a*a*b", "a"), (r"<svg[^>]*><([a-z]+) ", "<svg")):
        steps = []
        for count in (10, 20):
            counter = Counter(re.compile(source), most=200_000)
            try:
                counter.everywhere(pump * count)
            except TooMuch:
                pass
            steps.append(counter.steps)

        assert steps[1] > GROWTH * steps[0] + SLACK, source


def test_no_number_is_read_in_the_digits_of_another_script() -> None:
    """`\\d`, `\\w`, `isdigit` and their like take all of Unicode's."""
    found = [name for name, pattern in expressions().items() if r"\d" in str(pattern.pattern)]
    for package in (*PACKAGES, "operations", "serving", "training"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                wide = re.search(r"\.is(?:digit|decimal|numeric)\(", line) and ".isascii()" not in line
                if wide or re.search(r"""re\.\w+\(r?b?f?["'].*\\d""", line):
                    found.append(f"{file.relative_to(ROOT)}:{number}")

    assert not found, "write [0-9], and text.isascii() before text.isdecimal()"
