"""The checks of the page: format, lint, types, its own tests, and that its types are those of the API."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import page, page_types

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
def test_the_page_has_the_types_of_the_api_and_offers_the_formats_that_are_read(tmp_path: Path) -> None:
    page_types.write_types(tmp_path)

    for path in (page_types.TYPES, page_types.FORMATS_FILE):
        made = (tmp_path / path).read_text(encoding="utf-8")
        assert made == (page.FOLDER / path).read_text(encoding="utf-8"), (
            f"{path} is old; make it anew: .venv/bin/python -m operations.page types"
        )


@pytest.mark.xdist_group("node")
def test_a_tool_of_the_page_runs_by_one_command(npx: Npx) -> None:
    command = [sys.executable, "-m", "operations.page", "npx", "prettier", "--version"]
    done = subprocess.run(command, cwd=page.FOLDER.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, npx("prettier", "--version").stdout), done.stderr
