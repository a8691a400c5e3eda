"""Takes a model that comes from elsewhere into a model store: its card and its weights, and nothing that runs."""

import shutil
import tempfile
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from handlers.card import ModelCard
from serving.archive import CARD, NAME, WEIGHTS, checked_card
from serving.errors import ServingError

MAX_CARD_BYTES = 2**20


def import_model(source: Path, store: Path) -> ModelCard:
    """Copy a model into `store/NAME/VERSION`, as its card names it; return the card.

    `source` is a folder with card and weights, such as `train` writes, or a TorchServe archive (.mar). The code in an
    archive is left out: what is served is packed anew with the handler of this installation. Raises ServingError when
    the weights are not those of the card, or the store has another model of this name and version.
    """
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".importing-", dir=store) as work:
        folder = Path(work)
        if source.is_dir():
            _copy(source, folder)
        else:
            _unpack(source, folder)
        card = _checked(source, folder)
        for part in (card.name, card.version):
            if not NAME.fullmatch(part):
                raise ServingError(f"{source}: its card names it {part!r}, which can't name a folder.")
        target = store / card.name / card.version
        if target.exists():
            if checked_card(target) == card:
                return card
            raise ServingError(
                f"{store} has another {card.name} {card.version}; give the new one a version of its own."
            )
        target.parent.mkdir(mode=0o700, exist_ok=True)
        made = target.with_name(f".{target.name}.partial")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        for name in (WEIGHTS, CARD):
            (folder / name).rename(made / name)
        made.rename(target)
    return card


def _copy(source: Path, folder: Path) -> None:
    for name in (CARD, WEIGHTS):
        if not (source / name).is_file():
            raise ServingError(f"{source} holds no {name}: a model is a folder with {CARD} and {WEIGHTS}.")
        shutil.copyfile(source / name, folder / name)


def _unpack(archive: Path, folder: Path) -> None:
    """Card and weights of an archive. Raises ServingError for what is none, or is damaged, naming the member."""
    if not archive.is_file():
        raise ServingError(f"There is no {archive}.")
    if not is_zipfile(archive):
        raise ServingError(f"{archive} is no TorchServe archive (.mar), nor a folder with a model.")
    with ZipFile(archive) as opened:
        for name in (CARD, WEIGHTS):
            try:
                if name == CARD and opened.getinfo(name).file_size > MAX_CARD_BYTES:
                    raise ServingError(f"{archive}: its {CARD} is too large for a model card.")
                with opened.open(name) as content, (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
            except KeyError as error:
                raise ServingError(f"{archive} holds no {name}.") from error
            except (BadZipFile, zlib.error, EOFError) as error:
                raise ServingError(f"{archive} is damaged: its {name} can't be read ({error}).") from error


def _checked(source: Path, folder: Path) -> ModelCard:
    """The card of the copy in `folder`, as `checked_card`, which speaks of where the copy came from."""
    try:
        return checked_card(folder)
    except ServingError as error:
        raise ServingError(str(error).replace(f"{folder}/", f"{source}: ")) from error
