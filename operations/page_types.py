"""What the page takes from the other parts, written anew when they change: the API's types, and the file formats."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imaging.formats import FORMATS, volume_formats
from imaging.reading import Format
from operations.page import FOLDER, PageNotBuilt, environment, install, node_command

ROOT = FOLDER.parent
TYPES = Path("src", "api", "schema.ts")
FORMATS_FILE = Path("src", "upload", "formats.json")


def write_types(sources: Path = FOLDER) -> None:
    """Write both files into the page's folder, or into another one. Raises PageNotBuilt; what went wrong is printed."""
    for path in (TYPES, FORMATS_FILE):
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
    (sources / FORMATS_FILE).write_text(_formats(), encoding="utf-8")
    install()
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "openapi.json"
        describe = [sys.executable, "-m", "django", "spectacular", "--settings", "webapp.settings"]
        # Nothing is signed here, so any key does.
        key = {"RETINOTE_SECRET_KEY": os.environ.get("RETINOTE_SECRET_KEY", "none")}
        _run([*describe, "--format", "openapi-json", "--file", str(description)], ROOT, {**os.environ, **key})
        made = str(sources.resolve() / TYPES)
        _run(node_command("npx", "openapi-typescript", str(description), "-o", made), FOLDER, environment())


def _formats() -> str:
    """The formats of pictures and of volumes by name, and what a browser's choice of files offers of them."""
    return json.dumps(_offered(FORMATS) | {"volumes": _offered(volume_formats())}, indent=2) + "\n"


def _offered(formats: Iterable[Format]) -> dict[str, Any]:
    known = list(formats)
    accept = [part for one in known for part in (one.media_type, *one.endings)]
    return {"names": [one.name for one in known], "accept": ",".join(accept)}


def _run(command: list[str], folder: Path, surroundings: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise PageNotBuilt("The page's types can't be made; why stands above.")
