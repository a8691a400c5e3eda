"""Writes what a gate found: gate.json with its hash, and the same as a page and as a PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handlers.checks import content_sha256
from training.export import replace_file
from training.gate.judging import as_text
from training.gate.margins import Margins
from training.gate.page import write_page
from training.gate.pdf import write_pdf
from training.gate.verdict import Check, not_judged

GATE_NAME, PAGE_NAME, PDF_NAME = "gate.json", "gate.html", "gate.pdf"
REPLAY, GROUP = "Stored scans replayed", "replay"


def with_replay(
    content: dict[str, Any], replay: dict[str, Any] | None, why_not: str, margins: Margins
) -> dict[str, Any]:
    """The content with what the stored scans say: `replay` of the web app, or why there is none."""
    checks = _replayed(replay, margins) if replay else [not_judged(REPLAY, GROUP, "", why_not)]
    every = [*content["checks"], *(check.to_dict() for check in checks)]
    passed = all(check["passed"] is not False for check in every)
    return {
        **content,
        "passed": passed,
        "better": passed and content["better"],
        "checks": every,
        "replay": replay,
    }


def write_gate(content: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write the three files into the folder; gate.json comes last and has the hash. Returns its content."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole = {**content, "sha256": content_sha256(content)}
    write_page(out / PAGE_NAME, whole)
    write_pdf(out / PDF_NAME, whole)
    replace_file(out / GATE_NAME, as_text(whole).encode())
    return whole


def _replayed(replay: dict[str, Any], margins: Margins) -> list[Check]:
    scans = int(replay["scans"])
    if not scans:
        return [not_judged(REPLAY, GROUP, "", "There is no stored scan with an answer.")]
    made = []
    for name, allowed in (("lowered", margins.replay.lowered), ("raised", margins.replay.raised)):
        count = int(replay[name])
        share = count / scans
        words = "less" if name == "lowered" else "more"
        reason = f"{count:,} of {scans:,} stored scans would be {words} urgent; {allowed:.0%} are allowed."
        made.append(
            Check(
                f"Stored scans that become {words} urgent",
                GROUP,
                "",
                share <= allowed,
                reason,
                candidate=share,
                champion=0.0,
                difference=share,
                margin=allowed,
            )
        )
    if refused := int(replay.get("refused", 0)):
        reason = f"{refused:,} stored scans that have an answer now would get none."
        made.append(Check("Stored scans that get no answer", GROUP, "", False, reason))
    return made
