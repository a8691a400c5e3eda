"""The versions of a shared store, brought to a folder of this machine when they are needed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from handlers.card import NAME, CardError, ModelCard
from serving.archive import CARD, checked_card, described_files, version_key
from serving.errors import ServingError
from serving.shared.errors import Changed, StoreAway, StoreError
from serving.shared.objects import Objects
from serving.stores import ModelStores

MODELS = "models/"
BESIDE = ("gate.json",)
"""Files that are not of the card, as they come later: what the gate found. They have hashes of their own."""
MAX_CARD_BYTES = 2**20
LEFT_AFTER_S = 3600.0
"""What has not changed for so long is brought by nobody any more."""


class SharedStores(ModelStores):
    """The versions of a shared store; `cache` is this machine's folder for those that it serves.

    A version is brought by `holder` and by all that needs its files. What is in the cache is looked at again each time:
    its card has to be the store's, and its files those of the card. While the store is away, what is in the cache counts.
    """

    def __init__(self, objects: Objects, cache: Path) -> None:
        super().__init__([cache])
        self.objects = objects
        self.cache = cache

    @property
    def place(self) -> str:
        """The store's URL."""
        return self.objects.place

    @property
    def starting_folders(self) -> tuple[Path, ...]:
        """None: in a shared store only `promote` makes a default, and the first start of all (`seed`)."""
        return ()

    def names(self) -> list[str]:
        """The models with at least one version."""
        return sorted({name for name, _ in self._listed()})

    def versions(self, name: str) -> list[str]:
        """The versions of a model, lowest first."""
        return sorted((version for model, version in self._listed() if model == name), key=version_key)

    def holder(self, name: str, version: str) -> Path | None:
        """The folder of a version in the cache, brought from the store if it isn't there; None if there is none.

        Raises StoreError if it can't be brought: the store is away, or a file is not the one of the card.
        """
        try:
            card = self._card(name, version)
        except StoreAway:
            return super().holder(name, version) if _is_name(name, version) else None
        if card is None:
            return None
        folder = self.cache / name / version
        if not _has(folder, card):
            self._bring(name, version, card, folder)
        self._bring_beside(name, version, folder)
        return folder

    def problem(self, name: str, version: str) -> str | None:
        """Why a version can't be served; it is brought for that. None if nothing is wrong."""
        try:
            return super().problem(name, version)
        except ServingError as error:
            return str(error)

    def problem_at_a_glance(self, name: str, version: str) -> str | None:
        """As `problem`, but a version that isn't in the cache is not brought for it."""
        try:
            content = self._card(name, version)
            if content is None:
                return self._unknown(name, version)
            if _has(self.cache / name / version, content):
                return self.problem(name, version)
            card = ModelCard.from_json(content)
            present = set(self.objects.names(_prefix(name, version)))
        except (ServingError, CardError) as error:
            return str(error)
        missing = [file for file, key in self._files(name, version, card).items() if key not in present]
        if missing:
            return f"{self.place} lacks {', '.join(missing)} of {name} {version}."
        return None

    def cached_sha256(self, name: str, version: str) -> str:
        """As `weights_sha256`, by the card in the cache alone, which is the card of what was loaded from there."""
        return ModelStores(self.folders).weights_sha256(name, version)

    def add(self, folder: Path) -> ModelCard:
        """Upload the version in a folder: its files first, its card last, so that it is there whole or not at all.

        Returns the card. Raises StoreError if the store has another version of this name, and ServingError for a
        folder whose files are not those of its card.
        """
        card = checked_card(folder)
        content = (folder / CARD).read_bytes()
        key = f"{_prefix(card.name, card.version)}{CARD}"
        self._send_missing(folder, card)
        try:
            self.objects.exchange(key, content, None)
        except Changed as error:
            present = self.objects.read(key)
            if present is None or present.content != content:
                raise StoreError(
                    f"{self.place} has another {card.name} {card.version}; give the new one a version of its own."
                ) from error
        for name in BESIDE:
            if (folder / name).is_file():
                self.put_beside(card.name, card.version, folder / name)
        # Whoever removed an earlier version of this name meanwhile may have taken a file along.
        self._send_missing(folder, card)
        return card

    def put_beside(self, name: str, version: str, file: Path) -> None:
        """Put what was found about a version later, one of BESIDE, beside its card. Raises StoreError."""
        self.objects.send(file, f"{_prefix(name, version)}{file.name}")

    def remove(self, name: str, version: str) -> None:
        """Delete a version, even half of one: its card first. Raises StoreError if there is nothing of it."""
        prefix = _prefix(name, version) if _is_name(name, version) else None
        keys = self.objects.names(prefix) if prefix else []
        if not keys:
            raise StoreError(f"There is no {name} {version} in {self.place}.")
        for key in sorted(keys, key=lambda key: not key.endswith(f"/{CARD}")):
            self.objects.delete(key)
        shutil.rmtree(self.cache / name / version, ignore_errors=True)

    def unfinished(self) -> list[str]:
        """The versions of which there are files but no card, as NAME VERSION: uploads that go on, or were cut off."""
        begun = {tuple(key.split("/")[1:3]) for key in self.objects.names(MODELS) if key.count("/") >= 3}
        return sorted(f"{name} {version}" for name, version in begun - set(self._listed()))

    def tidy(self) -> None:
        """Remove from the cache what was left by those who were killed while they brought a version."""
        for left in self.cache.glob(".*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)

    def _listed(self) -> Iterator[tuple[str, str]]:
        for key in self.objects.names(MODELS):
            parts = key.split("/")
            if len(parts) == 4 and parts[3] == CARD and _is_name(*parts[1:3]):
                yield parts[1], parts[2]

    def _card(self, name: str, version: str) -> bytes | None:
        if not _is_name(name, version):
            return None
        stored = self.objects.read(f"{_prefix(name, version)}{CARD}")
        if stored is not None and len(stored.content) > MAX_CARD_BYTES:
            raise StoreError(f"{self.place}: the card of {name} {version} is larger than any card is.")
        return None if stored is None else stored.content

    def _card_at_hand(self, name: str, version: str) -> bytes | None:
        try:
            return self._card(name, version)
        except StoreAway:
            return super()._card_at_hand(name, version)
        except ServingError:
            return None

    def _files(self, name: str, version: str, card: ModelCard) -> dict[str, str]:
        """The card's files, and the names of their objects."""
        prefix = _prefix(name, version)
        return {file: f"{prefix}{sha256}-{file}" for file, sha256 in described_files(card).items()}

    def _send_missing(self, folder: Path, card: ModelCard) -> None:
        present = set(self.objects.names(_prefix(card.name, card.version)))
        for file, key in self._files(card.name, card.version, card).items():
            if key not in present:
                self.objects.send(folder / file, key)

    def _bring(self, name: str, version: str, content: bytes, folder: Path) -> None:
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".bringing-", dir=self.cache) as work:
                new = Path(work) / version
                new.mkdir(mode=0o700)
                (new / CARD).write_bytes(content)
                try:
                    card = ModelCard.load(new / CARD)
                except CardError as error:
                    raise StoreError(str(error).replace(f"{new}/", f"{self.place}: ")) from error
                for file, key in self._files(name, version, card).items():
                    self.objects.fetch(key, new / file)
                try:
                    checked_card(new)
                except ServingError as error:
                    raise StoreError(
                        str(error).replace(f"{new}/", f"{self.place}: the {name} {version} there: its ")
                    ) from error
                if folder.exists():
                    folder.rename(Path(work) / "earlier")
                new.rename(folder)
        except OSError as error:
            raise StoreError(
                f"{name} {version} can't be brought from {self.place} to {self.cache} ({error.strerror or error})."
            ) from error

    def _bring_beside(self, name: str, version: str, folder: Path) -> None:
        for file in BESIDE:
            stored = self.objects.read(f"{_prefix(name, version)}{file}")
            if stored is None:
                (folder / file).unlink(missing_ok=True)
            elif not (folder / file).exists() or (folder / file).read_bytes() != stored.content:
                partial = folder / f".{file}.partial"
                partial.write_bytes(stored.content)
                partial.replace(folder / file)

    def _unknown(self, name: str, version: str) -> str:
        known = ", ".join(self.versions(name)) or "none"
        begun = (
            " An upload of it has begun, and is not whole yet."
            if f"{name} {version}" in self.unfinished()
            else ""
        )
        return f"There is no {name} {version} in {self.place}; versions of {name} there: {known}.{begun}"


def _prefix(name: str, version: str) -> str:
    return f"{MODELS}{name}/{version}/"


def _is_name(name: str, version: str) -> bool:
    return NAME.fullmatch(name) is not None and NAME.fullmatch(version) is not None


def _has(folder: Path, card: bytes) -> bool:
    """Whether the folder has this card, byte by byte, and its files as they should be."""
    try:
        if (folder / CARD).read_bytes() != card:
            return False
        checked_card(folder)
    except (OSError, ServingError):
        return False
    return True
