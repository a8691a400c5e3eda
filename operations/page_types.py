"""Writes the files that the page takes from other parts: the API's types, and the list of file formats."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imaging.formats import FORMATS, untried, volume_formats
from imaging.reading import Format
from operations.page import FOLDER, PageNotBuilt, environment, install, node_command

ROOT = FOLDER.parent
TYPES = Path("src", "api", "schema.ts")
FORMATS_FILE = Path("src", "upload", "formats.json")


def write_types(sources: Path = FOLDER) -> None:
    """Write both files below `sources`. Prints the output of a command that fails, and raises PageNotBuilt."""
    for path in (TYPES, FORMATS_FILE):
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
    (sources / FORMATS_FILE).write_text(_formats(), encoding="utf-8")
    install()
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "openapi.json"
        describe = [sys.executable, "-m", "django", "spectacular", "--settings", "webapp.settings"]
        # Nothing is signed here, so any key will do.
        key = {"RETINOTE_SECRET_KEY": os.environ.get("RETINOTE_SECRET_KEY", "none")}
        _run([*describe, "--format", "openapi-json", "--file", str(description)], ROOT, {**os.environ, **key})
        made = str(sources.resolve() / TYPES)
        _run(node_command("npx", "openapi-typescript", str(description), "-o", made), FOLDER, environment())


def _formats() -> str:
    """The formats of pictures and of volumes, as JSON: each with its name and what it is in a file input's `accept`; of
    volumes, also which were tried on no real file.
    """
    content = {
        "pictures": _listed(FORMATS),
        "volumes": _listed(volume_formats()),
        "untried": list(untried()),
    }
    return json.dumps(content, indent=2) + "\n"


def _listed(known: Sequence[Format]) -> list[dict[str, str]]:
    return [{"name": one.name, "accept": ",".join((one.media_type, *one.endings))} for one in known]


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise PageNotBuilt("The page's types can't be made; the reason is above.")
