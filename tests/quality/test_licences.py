"""Every locked package has a licence that this project allows, or is named with how it is used."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads((Path(__file__).parent / "licences.toml").read_text(encoding="utf-8"))
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def terms(expression: str) -> set[str]:
    """The licences of an SPDX expression, however it combines them."""
    return {term.strip("() ") for term in re.split(r"\s+(?:AND|OR)\s+", expression)} - {""}


def licences(package: importlib.metadata.Distribution) -> set[str]:
    """What a package says of itself, as SPDX calls it; what nobody knows stays as it is said."""
    said = package.metadata.get("License-Expression")
    if said:
        return terms(said)
    classifiers = package.metadata.get_all("Classifier") or []
    named = [line.rpartition("::")[2].strip() for line in classifiers if line.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    if not named:
        named = [(package.metadata.get("License") or "").partition("\n")[0].strip()]
    return {term for name in named for term in terms(RULES["known_as"].get(name, name))}


def is_named(name: str, prefix: str = "") -> bool:
    families = RULES[f"{prefix}families"]
    return name in RULES[f"{prefix}used_as_they_are"] or any(name.startswith(family) for family in families)


def test_python_packages_have_licences_that_are_allowed() -> None:
    locked = {normal(name) for name in LOCKED.findall((ROOT / "requirements.lock").read_text())}
    packages = {normal(package.name): package for package in importlib.metadata.distributions()}
    others = {}
    for name in locked & packages.keys():
        own = licences(packages[name]) or {"none named"}
        if not is_named(name) and not own <= set(RULES["allowed"]):
            others[name] = sorted(own)
    assert others == {}


def test_packages_of_the_page_have_licences_that_are_allowed() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    others = {}
    for path, package in lock["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if path and not is_named(name, "page_"):
            unknown = terms(package.get("license", "none named")) - set(RULES["allowed"])
            if unknown:
                others[name] = sorted(unknown)
    assert others == {}


def test_what_is_named_is_locked() -> None:
    locked = {normal(name) for name in LOCKED.findall((ROOT / "requirements.lock").read_text())}
    assert set(RULES["used_as_they_are"]) <= locked
    assert all(any(name.startswith(family) for name in locked) for family in RULES["families"])
