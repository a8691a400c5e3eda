"""Code knows no modality by its name: what differs between them is in their profiles (docs/modalities.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("webapp", "handlers", "frontend/src")
ENDINGS = {".py", ".ts", ".tsx", ".html", ".css", ".json", ".toml"}
WORDS = re.compile(r"\b(oct|retinal?|chest|x-?rays?|thora\w+|lungs?)\b", re.IGNORECASE)
ELSEWHERE = re.compile(r"/migrations/|/migrations_for/|/texts/|/testing/|\.test\.tsx?$|/api/schema\.ts$")
"""Migrations, texts for people, tests, and the description of the API."""
ALLOWED = {
    ("webapp/core/modalities.py", 'BEFORE = "oct"'): "what scans from before there were modalities are",
    ("webapp/receiver/models.py", "Whether it shows the retina from the front."): "a migration has it, too",
    ("handlers/card.py", "the limits of OCT B-scans"): "cards of before say no limits",
    ("handlers/card.py", "such as `chest-xray`"): "an example",
    ("frontend/src/upload/formats.json", "Bioptigen"): "a format's name",
    ("frontend/src/upload/formats.json", "Optovue"): "a format's name",
    ("frontend/src/upload/formats.json", "x-bioptigen-oct"): "its media type",
    ("frontend/src/upload/formats.json", "x-optovue-oct"): "its media type",
    ("webapp/scans/profile_fields.py", '"Chest X-ray" is "chest X-ray", and "OCT" stays'): "an example",
}
"""File and part of a line, with the reason."""


def _lines() -> Iterator[tuple[str, int, str]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix not in ENDINGS or ELSEWHERE.search(f"/{name}") or "node_modules" in path.parts:
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield name, number, line


def test_no_code_names_a_modality() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in _lines()
        if WORDS.search(line) and not any(name == file and part in line for file, part in ALLOWED)
    ]
    assert not found, "\n".join(found)


def test_what_is_allowed_is_there() -> None:
    for file, part in ALLOWED:
        assert part in (ROOT / file).read_text(encoding="utf-8"), (file, part)
