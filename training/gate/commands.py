"""The two steps of `./retinote models gate` that need PyTorch or write the evidence, each a process of its own.

`measure` compares, and has the candidate answer the scans that the web app has stored. The web app then says which next
step would follow from these answers, and `conclude` writes the gate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from handlers.card import CardError
from handlers.network import NetworkError
from training.data.manifest import DataError

NOT_PASSED, FAILED = 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run a step. Returns 0, 1 for a gate that is not passed, or 2 after an expected failure, with one line."""
    parser = argparse.ArgumentParser(prog="python -m training.gate", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    _declare_measure(steps.add_parser("measure", help="compare two versions"))
    _declare_conclude(steps.add_parser("conclude", help="write gate.json, gate.html and gate.pdf"))
    known = parser.parse_args(arguments)
    try:
        status: int = known.run(known)
        return status
    except BrokenPipeError:  # nobody reads on, which is no failure: `operations.unread` ends it
        raise
    except (DataError, CardError, NetworkError, OSError) as error:
        print(f"retinote: {error}", file=sys.stderr)
        return FAILED


def _declare_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--candidate", type=Path, required=True, metavar="DIR", help="folder of a version")
    parser.add_argument("--champion", type=Path, required=True, metavar="DIR", help="folder of the other")
    parser.add_argument("--data", type=Path, nargs="*", default=[], metavar="PATH", help="labelled scans")
    parser.add_argument("--learning", type=Path, metavar="DIR", help="this installation's data sets")
    parser.add_argument("--measured", type=Path, required=True, metavar="FILE", help="what to write")
    parser.add_argument("--stored", type=Path, metavar="FILE", help="stored scans, a line of JSON for each")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="the candidate's answers to them")
    parser.set_defaults(run=_measure)


def _declare_conclude(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--measured", type=Path, required=True, metavar="FILE", help="what `measure` wrote")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="what the web app made of the answers")
    parser.add_argument("--why-not", default="", metavar="SENTENCE", help="why there is no replay")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the gate")
    parser.set_defaults(run=_conclude)


def _measure(arguments: argparse.Namespace) -> int:
    from training.gate.judging import Order, as_text, compare

    order = Order(arguments.candidate, arguments.champion, arguments.data, arguments.learning)
    content = compare(order, lambda line: print(line, flush=True))
    if arguments.stored:
        from training.gate.replaying import answer_stored

        answer_stored(arguments.candidate, arguments.stored, arguments.answers)
    arguments.measured.write_text(as_text(content), encoding="utf-8")
    return 0


def _conclude(arguments: argparse.Namespace) -> int:
    from training.gate.margins import read_margins
    from training.gate.page import failed, verdict
    from training.gate.record import GATE_NAME, PAGE_NAME, PDF_NAME, with_replay, write_gate

    content = json.loads(arguments.measured.read_text(encoding="utf-8"))
    replay = json.loads(arguments.replay.read_text(encoding="utf-8")) if arguments.replay else None
    gate = write_gate(with_replay(content, replay, arguments.why_not, read_margins()), arguments.out)
    for check in gate["checks"]:
        if check["passed"] is None:
            print(f"not judged: {check['name']}{_of(check['set'])}: {check['reason']}")
    for check in failed(gate):
        print(f"not passed: {check['name']}{_of(check['set'])}: {check['reason']}")
    print(verdict(gate))
    print(f"wrote {arguments.out / PAGE_NAME}, {PDF_NAME} and {GATE_NAME}")
    return 0 if gate["passed"] else NOT_PASSED


def _of(name: str) -> str:
    return f" ({name})" if name else ""
