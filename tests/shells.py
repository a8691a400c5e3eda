"""A process of a running stack's web app that does one script after the other: to start one takes over a second."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Self

from tests.stacks import ROOT, Stack

DO_SCRIPTS = """
import contextlib, io, json, sys, traceback
import django
django.setup()
asked = sys.stdin
for line in asked:
    script, given = json.loads(line)
    sys.stdin, said, problem = io.StringIO(given), io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(script, {})
    except Exception:
        problem = traceback.format_exc()
    print(json.dumps([said.getvalue(), problem]), flush=True)
"""


class Shell:
    """Ends with the block that it is made in, and with the process of the tests."""

    def __init__(self, stack: Stack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", DO_SCRIPTS],
            env=stack.web_environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, script: str, given: str) -> str:
        """What a script prints, with `given` on its standard input; the test fails with its traceback if it fails."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([script, given]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the process ended with {self._process.wait()}"
        said, problem = json.loads(answer)
        assert not problem, problem
        return str(said)
