"""A model and its archive, as they come from elsewhere."""

import shutil
from pathlib import Path

import pytest

from handlers.card import ModelCard
from serving import importing
from serving.archive import build_archive
from serving.stores import ModelStores
from tests.models import make_model


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one model and, beside it, the model's archive."""
    folder = tmp_path_factory.mktemp("elsewhere")
    make_model(folder / "store")
    build_archive(folder / "store", "retina-oct", "1.0.0", folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the model's folder."""
    return Path(shutil.copytree(made / "store" / "retina-oct" / "1.0.0", tmp_path / "trained"))


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Path:
    """A copy of its archive."""
    return Path(shutil.copy(made / "retina-oct-1.0.0.mar", tmp_path))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "var" / "model_store"


def import_model(source: Path, store: Path, first: Path | None = None) -> ModelCard:
    """Import beside a store that is looked into first, and has nothing unless it is named."""
    return importing.import_model(source, store, ModelStores([first or store.parent / "first"]))


def is_empty(store: Path) -> bool:
    return not list(store.iterdir())
