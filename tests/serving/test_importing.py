"""Models that come from elsewhere."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from serving.archive import build_archive
from serving.errors import ServingError
from serving.importing import import_model
from tests.models import make_model


@pytest.fixture(scope="module")
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


def changed(archive: Path, member: str, content: bytes) -> Path:
    """Another archive with one member replaced, a sound zip file all the same."""
    out = archive.with_name("changed.mar")
    with ZipFile(archive) as opened, ZipFile(out, "w") as made:
        for name in opened.namelist():
            made.writestr(name, content if name == member else opened.read(name))
    return out


def nothing_came_of_it(store: Path) -> bool:
    return not list(store.iterdir())


def test_card_and_weights_of_an_archive_are_taken_and_its_code_is_not(archive: Path, store: Path) -> None:
    card = import_model(changed(archive, "torchserve_handler.py", b"raise SystemExit"), store)

    assert (card.name, card.version) == ("retina-oct", "1.0.0")
    assert {file.name for file in (store / "retina-oct" / "1.0.0").iterdir()} == {
        "model.json",
        "weights.safetensors",
    }
    assert build_archive(store, "retina-oct", "1.0.0", store.parent).is_file()


def test_a_folder_is_taken(folder: Path, store: Path) -> None:
    import_model(folder, store)

    assert (store / "retina-oct" / "1.0.0" / "weights.safetensors").read_bytes() == (
        folder / "weights.safetensors"
    ).read_bytes()
    assert import_model(folder, store).version == "1.0.0"  # once more is no error


def test_an_archive_with_other_weights_than_its_card_names_is_refused(archive: Path, store: Path) -> None:
    with ZipFile(archive) as opened:
        weights = bytearray(opened.read("weights.safetensors"))
    weights[-1] ^= 1
    spoilt = changed(archive, "weights.safetensors", bytes(weights))

    with pytest.raises(ServingError) as refused:
        import_model(spoilt, store)

    assert f"{spoilt}: weights.safetensors is not the file that its card describes: sha256 is" in str(
        refused.value
    )
    assert nothing_came_of_it(store)


def test_an_archive_with_a_flipped_byte_is_refused(archive: Path, store: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1  # the weights are most of it
    archive.write_bytes(content)

    with pytest.raises(ServingError, match=r"weights\.safetensors"):
        import_model(archive, store)

    assert nothing_came_of_it(store)


def test_a_folder_with_a_flipped_byte_is_refused(folder: Path, store: Path) -> None:
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(ServingError, match=f"{weights.parent}: weights.safetensors is not the file"):
        import_model(folder, store)

    assert nothing_came_of_it(store)


def test_another_model_of_the_same_version_is_refused(folder: Path, store: Path) -> None:
    import_model(folder, store)
    card = folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"temperature": 2.0}))

    with pytest.raises(ServingError, match=r"has another retina-oct 1\.0\.0"):
        import_model(folder, store)


def test_a_card_cannot_name_a_folder_elsewhere(folder: Path, store: Path) -> None:
    card = folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"version": "../../1"}))

    with pytest.raises(ServingError, match="can't name a folder"):
        import_model(folder, store)

    assert nothing_came_of_it(store)


def test_what_is_no_model_is_named(tmp_path: Path, store: Path) -> None:
    (tmp_path / "text.mar").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for path, reason in (
        ("missing.mar", "There is no"),
        ("text.mar", "no TorchServe archive"),
        ("empty", r"holds no model\.json"),
    ):
        with pytest.raises(ServingError, match=reason):
            import_model(tmp_path / path, store)
