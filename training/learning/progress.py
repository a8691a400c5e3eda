"""The progress of a fine-tuning in a file, from which it goes on when it was interrupted, and which others may read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.data.manifest import DataError
from training.export import replace_file

PROGRESS_NAME = "progress.json"
STEPS = ("simulate", "train", "temperature", "statistics", "findings", "evaluate", "explain", "int8")
"""The steps in their order; the last one leaves a whole model."""
WAITING, RUNNING, DONE, LEFT_OUT = "waiting", "running", "done", "left out"


class Progress:
    """The state of each step, written after each change, as a whole or not at all."""

    def __init__(self, out: Path, plan: Mapping[str, Any]) -> None:
        """Go on with the progress in `out`, or begin one. Raises DataError when that in `out` has another plan."""
        self._file = out / PROGRESS_NAME
        before = self._read()
        for key, value in plan.items():
            if before and before["plan"].get(key) != value:
                raise DataError(
                    f"{out} holds a fine-tuning that was begun with another {key.replace('_', ' ')} "
                    f"({before['plan'].get(key)}); give the same, or start again with --overwrite"
                )
        waiting = {step: {"state": WAITING} for step in STEPS}
        self._content: dict[str, Any] = {
            "plan": dict(plan),
            "epochs": {"done": 0, "of": 0},
            **before,
            "steps": waiting | before.get("steps", {}),  # a run of before may lack steps
        }

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except OSError:
            return {}
        except ValueError as error:
            raise DataError(f"{self._file} can't be read; start again with --overwrite") from error
        return content

    def is_done(self, step: str) -> bool:
        """Whether the step was done, or left out, before."""
        return self._content["steps"][step]["state"] in (DONE, LEFT_OUT)

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Note the step as running, and at its end as done, with what the block puts into the yielded facts.

        A block that sets `left_out` to a sentence has left the step out. After an error the step counts as not done.
        """
        row = self._content["steps"][name] = {"state": RUNNING, "started": round(time.time(), 3)}
        self._write()
        facts: dict[str, Any] = {}
        yield facts
        state = LEFT_OUT if "left_out" in facts else DONE
        self._content["steps"][name] = {**row, "state": state, "ended": round(time.time(), 3), **facts}
        self._write()

    def epochs(self, done: int, of: int) -> None:
        """Note how many epochs are done, and how many there may be."""
        self._content["epochs"] = {"done": done, "of": of}
        self._write()

    def facts(self, step: str) -> dict[str, Any]:
        """What was noted of a step."""
        return dict(self._content["steps"][step])

    def _write(self) -> None:
        replace_file(self._file, (json.dumps(self._content, indent=2) + "\n").encode())
