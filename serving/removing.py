"""Deletes a version from the model store of the data folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from handlers.card import NAME
from serving.archive import archive_name
from serving.errors import ServingError
from serving.management import ModelVersion
from serving.registry import Choice, Registry
from serving.set_aside import SetAside
from serving.stores import ModelStores


def remove_model(
    store: Path,
    name: str,
    version: str,
    *,
    archives: Path,
    stores: ModelStores,
    registry: Registry,
    set_aside: SetAside,
    served: Mapping[tuple[str, str], ModelVersion],
) -> Path:
    """Delete a version from `store`, even a broken one, with its archive. Returns `store`.

    `store` is the data folder's own, one of `stores`. Raises ServingError if the version is in another of them, is
    served, or is to be served at the next start.
    """
    folder = store / name / version
    is_valid = NAME.fullmatch(name) and NAME.fullmatch(version)
    if not is_valid or not (folder.is_dir() or folder.is_symlink()):
        holder = stores.holder(name, version) if is_valid else None
        if holder is not None:
            raise ServingError(
                f"{name} {version} is in {holder}, which is not the data folder's store; it is left alone."
            )
        raise ServingError(f"There is no {name} {version} in {store}.")
    # A version that another store shadows is never served, so it may go whatever was decided for it.
    if stores.holder(name, version) in (folder, None):
        refuse_to_remove(registry.choice(name), name, version, (name, version) in served)
        (archives / archive_name(name, version)).unlink(missing_ok=True)
        set_aside.remove(name, version)
    if folder.is_symlink():
        folder.unlink()
        return store
    # Renamed first to what can't be a version, so that half a folder is never taken for one.
    removed = folder.with_name(f".{version}.removed")
    shutil.rmtree(removed, ignore_errors=True)
    folder.rename(removed)
    shutil.rmtree(removed)
    return store


def refuse_to_remove(choice: Choice, name: str, version: str, is_served: bool = False) -> None:
    """Raise ServingError for a version that answers, or is to."""
    if version == choice.default:
        raise ServingError(
            f"{name} {version} answers by default; promote another version first: "
            f"./retinote models promote {name} VERSION"
        )
    if version in choice.registered or is_served:
        raise ServingError(
            f"{name} {version} is served; retire it first: ./retinote models retire {name} {version}"
        )
