"""Imports a model from elsewhere into a model store: its card and the files that the card describes, but no code."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from handlers.card import CardError, ModelCard
from serving.archive import CARD, WEIGHTS, checked_card, described_files
from serving.errors import ServingError
from serving.stores import ModelStores
from serving.trial import try_model
from serving.unpacking import MAX_BYTES, unpack


def import_model(source: Path, store: Path, first: ModelStores) -> ModelCard:
    """Copy a model into `store/NAME/VERSION`, as its card names it. Returns the card.

    `source` is a folder with card and weights, such as `train` writes, or a TorchServe archive (.mar). The code in an
    archive is left out, as models are served with the handler of this installation. `first` are the stores that are
    searched before `store`. Raises ServingError if a file is not the one of the card, if the trial fails, or if one of
    the stores has another model of this name and version.
    """
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".importing-", dir=store) as work:
        folder = Path(work)
        try:
            fetch = _copy if source.is_dir() else _unpack
            fetch(source, folder, (CARD, WEIGHTS))
            fetch(source, folder, [name for name in _described(folder) if name != WEIGHTS])
        except OSError as error:
            raise ServingError(f"{source} can't be copied to {store} ({error.strerror or error}).") from error
        card = _checked(source, folder)
        shadow = first.holder(card.name, card.version)
        if shadow is not None:
            raise ServingError(
                f"{source}: {shadow} holds a {card.name} {card.version}, which would be served in its place; give the "
                "new one a version of its own."
            )
        target = store / card.name / card.version
        if target.exists():
            if _holds(target, card):
                return card
            raise ServingError(
                f"{store} has another {card.name} {card.version}; give the new one a version of its own."
            )
        try_model(folder, f"{source}: {card.name} {card.version}")
        target.parent.mkdir(mode=0o700, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        for name in (*described_files(card), CARD):
            (folder / name).rename(partial / name)
        partial.rename(target)
    return card


def _holds(folder: Path, card: ModelCard) -> bool:
    """Whether a folder holds the model of that card, with all files as the card describes them."""
    try:
        return checked_card(folder) == card
    except ServingError:
        return False


def _described(folder: Path) -> Iterable[str]:
    """The files that the card in a folder describes; none if the card can't be used, which `_checked` reports."""
    try:
        return described_files(ModelCard.load(folder / CARD))
    except CardError:
        return ()


def _unpack(source: Path, folder: Path, names: Iterable[str]) -> None:
    if wanted := {name: folder / name for name in names}:
        unpack(source, wanted)


def _copy(source: Path, folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if not (source / name).is_file():
            raise ServingError(
                f"{source} holds no {name}: a model is a folder with {CARD}, {WEIGHTS} and what else its card describes."
            )
        if (source / name).stat().st_size > MAX_BYTES[name]:
            raise ServingError(f"{source}: its {name} is larger than {MAX_BYTES[name] // 2**20} MiB.")
        shutil.copyfile(source / name, folder / name)


def _checked(source: Path, folder: Path) -> ModelCard:
    """The card of the copy in `folder`. Raises ServingError as `checked_card` does, but naming the source."""
    try:
        return checked_card(folder)
    except ServingError as error:
        raise ServingError(str(error).replace(f"{folder}/", f"{source}: ")) from error
