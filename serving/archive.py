"""Builds TorchServe archives (.mar) from the model store, and checks whether an archive is up to date."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import yaml

from handlers.card import CARD_NAME, NAME, CardError, ModelCard
from handlers.card_findings import FINDINGS_NAME
from handlers.card_int8 import INT8_NAME
from handlers.card_statistics import STATISTICS_NAME
from serving.errors import ServingError
from serving.torchserve import RESPONSE_TIMEOUT_S, STARTUP_TIMEOUT_S

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("handlers", "imaging")
"""The packages that the handler imports; both go into each archive."""
ENTRY = "torchserve_handler.py"
CARD = CARD_NAME
WEIGHTS = "weights.safetensors"
STATISTICS, FINDINGS, INT8 = STATISTICS_NAME, FINDINGS_NAME, INT8_NAME
"""Only models whose card names them have these files."""
MANIFEST = "MAR-INF/MANIFEST.json"
CONFIG = "model-config.yaml"


def archive_name(name: str, version: str) -> str:
    """The file name of the archive of a model's version."""
    return f"{name}-{version}.mar"


def versions(store: Path, name: str) -> list[str]:
    """The versions of a model in a store, lowest first; empty if the store doesn't have the model."""
    folders = (card.parent.name for card in (store / name).glob(f"*/{CARD}"))
    return sorted((version for version in folders if NAME.fullmatch(version)), key=version_key)


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key for versions: 0.9.0 before 0.10.0, and 1.0.0rc1 before 1.0.0rc2 before 1.0.0."""
    release, marker, rest = re.fullmatch(r"([0-9.]*)(.?)(.*)", version, re.DOTALL).groups()  # type: ignore[union-attr]
    numbers = tuple((1, int(part), "") for part in release.split(".") if part)
    return (*numbers, (0, 0, marker + rest) if marker else (0, 1, ""))


def build_archive(store: Path, name: str, version: str, out: Path) -> Path:
    """Build `out/NAME-VERSION.mar` from `store/NAME/VERSION` and PACKAGES, and return its path.

    An archive that already has these members is left as it is; any other is built again. The file is replaced
    atomically. Raises ServingError if the version is not in the store, or a file is not the one that its card names.
    """
    checked_version(store, name, version)
    source = store / name / version
    out.mkdir(parents=True, exist_ok=True)
    target = out / archive_name(name, version)
    if contained_digest(target, name, version) != inputs_digest(source):
        with tempfile.TemporaryDirectory(prefix=".building-", dir=out) as work:
            _package(source, name, version, Path(work)).replace(target)
    return target


def inputs_digest(source: Path) -> str:
    """A sha256 over everything that goes into the archive of the version in folder `source`."""
    members = {inside: path.read_bytes() for path, inside in _inputs(source)}
    return _digest(members | {ENTRY: members[f"handlers/{ENTRY}"], CONFIG: model_config().encode()})


def contained_digest(archive: Path, name: str, version: str) -> str | None:
    """A sha256 over the members of an archive, which equals `inputs_digest` if the archive is up to date.

    None if there is no such archive, or it can't be read, has another name or version, or names another handler.
    """
    try:
        with ZipFile(archive) as opened:
            members = {
                member: opened.read(member) for member in opened.namelist() if not member.endswith("/")
            }
            model = json.loads(members.pop(MANIFEST))["model"]
    except (OSError, KeyError, ValueError, TypeError, BadZipFile, zlib.error):
        return None
    expected = {"modelName": name, "modelVersion": version, "handler": ENTRY, "configFile": CONFIG}
    return _digest(members) if model == expected else None


def _digest(members: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for inside, content in sorted(members.items()):
        total.update(f"\0{inside}\0".encode() + hashlib.sha256(content).digest())
    return total.hexdigest()


def model_config() -> str:
    """The text of model-config.yaml. The batch size depends on the machine, so it is set when a model is registered."""
    return yaml.safe_dump({"responseTimeout": RESPONSE_TIMEOUT_S, "startupTimeout": STARTUP_TIMEOUT_S})


def checked_version(store: Path, name: str, version: str) -> ModelCard:
    """The card of a version in a store.

    Raises ServingError if the name or version is invalid, a file is missing, the card is for another model or version,
    or a file beside it is not the one of the card.
    """
    for part in (name, version):
        if not NAME.fullmatch(part):
            raise ServingError(
                f"'{part}' can't name a model or version: use letters, digits, '.', '_' and '-'."
            )
    source = store / name / version
    for file in (source / CARD, source / WEIGHTS):
        if not file.is_file():
            known = ", ".join(versions(store, name)) or "none"
            raise ServingError(
                f"{name} {version} is not complete: {file} is missing. Versions in {store}: {known}."
            )
    card = checked_card(source)
    if (card.name, card.version) != (name, version):
        raise ServingError(
            f"{source / CARD} says it is {card.name} {card.version}, but is in the folder of {name} {version}."
        )
    return card


def checked_card(source: Path) -> ModelCard:
    """The card of the model in a folder. Raises ServingError if a file beside it is missing or another one."""
    try:
        card = ModelCard.load(source / CARD)
    except CardError as error:
        raise ServingError(str(error)) from error
    for name, expected in described_files(card).items():
        try:
            with (source / name).open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise ServingError(f"{source / name} is missing, which its card describes.") from error
        except OSError as error:
            raise ServingError(f"{source / name} can't be read ({error.strerror}).") from error
        if sha256 != expected:
            raise ServingError(
                f"{source / name} is not the file that its card describes: sha256 is {sha256}, the card says "
                f"{expected}."
            )
    return card


def described_files(card: ModelCard) -> dict[str, str]:
    """The files beside a card, by name, with their sha256 by the card."""
    optional = {STATISTICS: card.statistics, FINDINGS: card.findings, INT8: card.int8}
    others = {name: facts.sha256 for name, facts in optional.items() if facts}
    return {WEIGHTS: card.weights_sha256, **others}


def _inputs(source: Path) -> Iterable[tuple[Path, str]]:
    """The files of an archive and their names inside it. The archiver adds the handler once more, at the top."""
    for name in (CARD, *described_files(ModelCard.load(source / CARD))):
        yield source / name, name
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, str(path.relative_to(ROOT))


def _package(source: Path, name: str, version: str, work: Path) -> Path:
    """Run torch-model-archiver on a staging folder below `work`. Returns the archive that it made."""
    staging, scratch, made = work / "staging", work / "scratch", work / "made"
    for folder in (staging, scratch, made):
        folder.mkdir(parents=True)
    for path, inside in _inputs(source):
        (staging / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, staging / inside)
    config = work / CONFIG
    config.write_text(model_config(), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "model_archiver.model_packaging"),
        *("--model-name", name, "--version", version, "--runtime", "python"),
        *("--handler", str(ROOT / "handlers" / ENTRY)),
        *("--extra-files", str(staging)),
        *("--config-file", str(config)),
        *("--export-path", str(made)),
    ]
    # The archiver collects files in a folder of TMPDIR that has the model's name, so each run gets its own TMPDIR.
    run = subprocess.run(
        command, env=os.environ | {"TMPDIR": str(scratch)}, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise ServingError(f"torch-model-archiver failed for {name} {version}:\n{run.stderr.strip()}")
    return made / f"{name}.mar"
