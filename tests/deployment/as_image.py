"""Python as it is in a container image: with the packages of the image's lock and the code that the image takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy" / "images"
# Python looks for modules and packages through this finder, in which what the image lacks is not installed.
WITHOUT = """
import importlib.metadata, json, re, sys
from importlib.machinery import PathFinder

class Without:
    names, packages = map(set, json.loads(sys.argv.pop(1)))

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.names else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *context):
        found = importlib.metadata.MetadataPathFinder.find_distributions(*context)
        return (one for one in found if re.sub("[-_.]+", "-", one.name).lower() not in cls.packages)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def run(image: str, program: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program that finds what the image has, and nothing else of what is installed here."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program, json.dumps(lacking(image)), *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def lacking(image: str) -> tuple[list[str], list[str]]:
    """Names of modules, and of packages, that are installed here or part of the project, and not in the image."""
    packages, code = locked(image), {Path(source).stem for source in copied(image)}
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names = [name for name, owners in installed().items() if not owners & packages]
    return [*names, *ours - code], sorted(set().union(*installed().values()) - packages)


@cache
def installed() -> dict[str, set[str]]:
    """The packages that each name of a module comes from."""
    return {name: set(map(canonical, owners)) for name, owners in packages_distributions().items()}


def locked(image: str) -> set[str]:
    """Names of the packages that an image installs."""
    text = (IMAGES / f"{image}.lock").read_text(encoding="utf-8")
    return set(map(canonical, re.findall(r"^([\w.-]+)==", text, re.MULTILINE)))


def copied(image: str) -> list[str]:
    """Folders and files of the project that an image's last stage takes."""
    text = (IMAGES / f"{image}.Dockerfile").read_text(encoding="utf-8")
    lines = re.findall(r"^COPY --chown=\S+ (?!--from)(.+) \S+$", text, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def canonical(package: str) -> str:
    """A package's name as every spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", package).lower()
