"""Has a candidate answer the scans that the web app has stored, with the model server's own code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

from tqdm import tqdm

from handlers.engines.settings import EAGER, EngineSettings
from handlers.predictor import Predictor
from handlers.request import Options, Request
from imaging.errors import Busy, CodedError

AT_ONCE = 16
KEPT = ("probabilities", "quality", "caveats", "prediction_set", "state", "because", "group")
"""Of an answer, what a recommendation follows from."""
OPTIONS = Options(explain=False, overlay=False)


def answer_stored(folder: Path, stored: Path, answers: Path) -> None:
    """Answer the scans of `stored` by the version in `folder`; writes a line of JSON for each to `answers`.

    A line of `stored` is `{"scan": its key, "image": the path of its file}`, one of `answers` `{"scan", "answer"}`; the
    answer is null for a scan that is refused, and a scan whose file is gone is left out. Raises CardError, NetworkError
    or OSError.
    """
    predictor = Predictor.load(folder, settings=EngineSettings(EAGER))
    large: list[Mapping[str, str]] = []
    with stored.open(encoding="utf-8") as lines, answers.open("w", encoding="utf-8") as written:
        scans = (json.loads(line) for line in tqdm(lines, "stored scans", unit="scan", disable=None))
        for part in _parts(scans):
            large += _answer(predictor, part, written)
        predictor.nobody_waits()
        for scan in large:
            _answer(predictor, [scan], written, is_last=True)


def _answer(
    predictor: Predictor, scans: Sequence[Mapping[str, str]], written: TextIO, is_last: bool = False
) -> list[Mapping[str, str]]:
    """Answer some scans and write what was answered; returns those that have to be answered alone.

    At the last try there are none: what still can't be answered counts as refused.
    """
    found = [(scan, content) for scan in scans if (content := _read(scan["image"]))]
    outcomes = predictor.answer([Request(content, options=OPTIONS) for _, content in found])
    alone = []
    for (scan, _), outcome in zip(found, outcomes, strict=True):
        if isinstance(outcome, Busy) and not is_last:
            alone.append(scan)
            continue
        values = cast(Mapping[str, Any], outcome)
        answer = None if isinstance(outcome, CodedError) else {name: values.get(name) for name in KEPT}
        written.write(json.dumps({"scan": scan["scan"], "answer": answer}) + "\n")
    return alone


def _parts(scans: Iterator[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    while part := list(islice(scans, AT_ONCE)):
        yield part


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:  # deleted meanwhile
        return b""
