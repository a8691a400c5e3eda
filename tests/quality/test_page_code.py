"""The checks of the page: format, lint, types, its own tests, and that its types are those of the API."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import page

ROOT = Path(__file__).parents[2]
SCHEMA = page.FOLDER / "src" / "api" / "schema.ts"
Npx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def npx() -> Npx:
    """Runs one of the page's tools in its folder."""
    page.install()

    def run(*command: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            page.node_command("npx", *map(str, command)),
            cwd=page.FOLDER,
            env=page.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.xdist_group("node")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["prettier", "--check", "."], id="format"),
        pytest.param(["eslint", "--max-warnings", "0", "."], id="lint"),
        pytest.param(["tsc", "--noEmit"], id="types"),
        pytest.param(["vitest", "run"], id="tests"),
    ],
)
def test_the_page_passes(npx: Npx, command: list[str]) -> None:
    done = npx(*command)
    assert done.returncode == 0, done.stdout + done.stderr


# What stands in the place of UploadLine.tsx, with what each rule has to find in it.
FAULTY = """
import { useEffect } from "react";
import { useQuery } from "@tanstack/react-query"; // no-restricted-imports
import { UploadPanel } from "./UploadPanel"; // import-x/no-cycle: it imports UploadLine

export function UploadLine({ id, load }: { id: string; load: (id: string) => void }) {
  useEffect(() => load(id), []); // react-hooks/exhaustive-deps
  if (!id) return <UploadPanel />;
  useEffect(() => void fetch(id)); // no-restricted-globals, react-hooks/rules-of-hooks
  const scan = { queryKey: ["scan", id], address: `/api/v1/scans/${id}/` }; // no-restricted-syntax, twice
  return <img src={scan.address} />; // jsx-a11y/alt-text
}
"""


@pytest.mark.xdist_group("node")
def test_lint_finds_addresses_circles_and_misused_hooks(npx: Npx) -> None:
    done = npx(
        "eslint", "-f", "json", "--stdin", "--stdin-filename", "src/upload/UploadLine.tsx", stdin=FAULTY
    )
    found = [message["ruleId"] for message in json.loads(done.stdout)[0]["messages"]]
    assert sorted(found) == [
        "import-x/no-cycle",
        "jsx-a11y/alt-text",
        "no-restricted-globals",
        "no-restricted-imports",
        "no-restricted-syntax",
        "no-restricted-syntax",
        "react-hooks/exhaustive-deps",
        "react-hooks/rules-of-hooks",
    ]


@pytest.mark.xdist_group("node")
def test_the_types_of_the_page_are_those_of_the_api(npx: Npx, tmp_path: Path) -> None:
    described, made = tmp_path / "openapi.json", tmp_path / "schema.ts"
    subprocess.run(
        [sys.executable, "-m", "django", "spectacular", "--settings", "webapp.settings"]
        + ["--format", "openapi-json", "--file", described],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )

    done = npx("openapi-typescript", described, "-o", made)

    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_text() == SCHEMA.read_text(), "make it anew, as docs/development.md says"
