"""Versions in a shared store: there whole or not at all, and brought only with the files that their card describes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.archive import CARD, WEIGHTS
from serving.errors import ServingError
from serving.shared.errors import StoreAway, StoreError
from serving.shared.folder import FolderObjects
from serving.shared.objects import Objects
from serving.shared.store import SharedStores
from tests.models import give_statistics, make_model

NAME = "retina-oct"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions, the first with statistics, and another one of the first's name."""
    folder = tmp_path_factory.mktemp("made")
    give_statistics(make_model(folder, version="1.0.0", seed=0))
    make_model(folder, version="1.1.0", seed=1)
    make_model(folder / "others", version="1.1.0", seed=2)
    return folder


@pytest.fixture
def stores(objects: Objects, tmp_path: Path) -> SharedStores:
    return SharedStores(objects, tmp_path / "fetched")


@pytest.fixture
def in_folder(tmp_path: Path) -> SharedStores:
    """A store in a folder, for what doesn't depend on the kind of store."""
    (tmp_path / "store").mkdir()
    return SharedStores(FolderObjects(tmp_path / "store"), tmp_path / "fetched")


def test_a_version_is_found_by_another_machine_with_all_its_files(
    stores: SharedStores, made: Path, tmp_path: Path
) -> None:
    for version in ("1.1.0", "1.0.0"):
        stores.add(made / NAME / version)

    elsewhere = SharedStores(stores.objects, tmp_path / "elsewhere")

    assert elsewhere.names() == [NAME]
    assert elsewhere.versions(NAME) == ["1.0.0", "1.1.0"]
    assert elsewhere.problem_at_a_glance(NAME, "1.0.0") is None
    assert not (tmp_path / "elsewhere").exists(), "a look has brought files"
    assert elsewhere.problem(NAME, "1.0.0") is None
    folder = elsewhere.holder(NAME, "1.0.0")
    assert folder == tmp_path / "elsewhere" / NAME / "1.0.0"
    brought = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert brought == {path.name: path.read_bytes() for path in (made / NAME / "1.0.0").iterdir()}


def test_the_same_version_may_be_added_again_and_another_of_its_name_may_not(
    in_folder: SharedStores, made: Path
) -> None:
    in_folder.add(made / NAME / "1.1.0")
    in_folder.add(made / NAME / "1.1.0")

    with pytest.raises(
        StoreError, match=r"has another retina-oct 1\.1\.0; give the new one a version of its own"
    ):
        in_folder.add(made / "others" / NAME / "1.1.0")

    sha256 = in_folder.weights_sha256(NAME, "1.1.0")
    folder = in_folder.holder(NAME, "1.1.0")
    assert folder and (folder / WEIGHTS).read_bytes() == (made / NAME / "1.1.0" / WEIGHTS).read_bytes()
    assert sha256 == in_folder.cached_sha256(NAME, "1.1.0")


def test_what_is_found_about_a_version_later_is_brought_along(
    stores: SharedStores, made: Path, tmp_path: Path
) -> None:
    stores.add(made / NAME / "1.1.0")
    folder = stores.holder(NAME, "1.1.0")
    assert folder and not (folder / "gate.json").exists()

    for content in ("first", "second"):
        (tmp_path / "gate.json").write_text(content)
        stores.put_beside(NAME, "1.1.0", tmp_path / "gate.json")
        assert stores.holder(NAME, "1.1.0") == folder
        assert (folder / "gate.json").read_text() == content

    assert stores.problem(NAME, "1.1.0") is None
    assert stores.versions(NAME) == ["1.1.0"]


class CutOff(FolderObjects):
    """A store whose connection breaks before the card is written."""

    def exchange(self, name: str, content: bytes, expected: str | None) -> None:
        raise StoreAway("The connection broke.")


def test_half_an_upload_is_no_version_and_is_completed_by_the_next(
    in_folder: SharedStores, made: Path
) -> None:
    place = Path(in_folder.place.removeprefix("file://"))
    with pytest.raises(StoreAway):
        SharedStores(CutOff(place), in_folder.cache).add(made / NAME / "1.0.0")

    assert in_folder.versions(NAME) == []
    assert in_folder.unfinished() == [f"{NAME} 1.0.0"]
    problem = in_folder.problem(NAME, "1.0.0")
    assert problem and "An upload of it has begun, and is not whole yet" in problem

    in_folder.add(made / NAME / "1.0.0")

    assert in_folder.versions(NAME) == ["1.0.0"]
    assert in_folder.unfinished() == []


def test_a_weight_file_that_was_changed_is_not_brought(
    stores: SharedStores, made: Path, tmp_path: Path
) -> None:
    stores.add(made / NAME / "1.1.0")
    (weights,) = [name for name in stores.objects.names("models/") if name.endswith(WEIGHTS)]
    found = stores.objects.read(weights)
    assert found
    stores.objects.write(weights, found.content[:-1] + bytes([found.content[-1] ^ 1]))

    problem = stores.problem(NAME, "1.1.0")

    assert problem and f"{stores.place}: the {NAME} 1.1.0 there: its {WEIGHTS} is not the file" in problem
    assert not (tmp_path / "fetched" / NAME / "1.1.0").exists()
    with pytest.raises(ServingError, match="is not the file that its card describes"):
        stores.build(NAME, "1.1.0", tmp_path / "archives")


def test_a_file_that_is_gone_is_named(in_folder: SharedStores, made: Path) -> None:
    in_folder.add(made / NAME / "1.0.0")
    (weights,) = [name for name in in_folder.objects.names("models/") if name.endswith(WEIGHTS)]
    in_folder.objects.delete(weights)

    problem = in_folder.problem_at_a_glance(NAME, "1.0.0")

    assert problem == f"{in_folder.place} lacks {WEIGHTS} of {NAME} 1.0.0."


def test_what_was_spoilt_in_the_cache_is_brought_again(in_folder: SharedStores, made: Path) -> None:
    in_folder.add(made / NAME / "1.1.0")
    folder = in_folder.holder(NAME, "1.1.0")
    assert folder
    (folder / WEIGHTS).write_bytes(b"half")

    assert in_folder.problem(NAME, "1.1.0") is None
    assert (folder / WEIGHTS).read_bytes() == (made / NAME / "1.1.0" / WEIGHTS).read_bytes()
    assert [path.name for path in in_folder.cache.iterdir()] == [NAME]


def test_what_was_brought_is_used_while_the_store_is_away(in_folder: SharedStores, made: Path) -> None:
    in_folder.add(made / NAME / "1.1.0")
    in_folder.add(made / NAME / "1.0.0")
    folder = in_folder.holder(NAME, "1.1.0")
    shutil.rmtree(in_folder.place.removeprefix("file://"))

    assert in_folder.holder(NAME, "1.1.0") == folder
    assert in_folder.problem(NAME, "1.1.0") is None
    problem = in_folder.problem(NAME, "1.0.0")
    assert problem and "is its volume mounted" in problem


def test_a_version_is_removed_with_its_card_first(in_folder: SharedStores, made: Path) -> None:
    in_folder.add(made / NAME / "1.0.0")
    in_folder.holder(NAME, "1.0.0")

    in_folder.remove(NAME, "1.0.0")

    assert in_folder.objects.names("models/") == []
    assert not (in_folder.cache / NAME / "1.0.0" / CARD).exists()
    with pytest.raises(StoreError, match=r"There is no retina-oct 1\.0\.0 in file://"):
        in_folder.remove(NAME, "1.0.0")
    with pytest.raises(StoreError, match="There is no"):
        in_folder.remove("..", "1.0.0")
