"""Models that come from elsewhere."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest

from handlers.card import ModelCard
from serving import importing
from serving.archive import build_archive
from serving.errors import ServingError
from serving.stores import ModelStores
from tests.handlers.test_trial import one_nan, rewrite_card, rewrite_weights
from tests.models import give_statistics, make_model


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


def import_model(source: Path, store: Path, first: Path | None = None) -> ModelCard:
    """Import beside a store that is looked into first, and has nothing unless it is named."""
    return importing.import_model(source, store, ModelStores([first or store.parent / "first"]))


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


@pytest.mark.parametrize("packed", [False, True])
def test_statistics_come_along(tmp_path: Path, store: Path, packed: bool) -> None:
    folder = make_model(tmp_path / "store")
    give_statistics(folder)
    source = build_archive(tmp_path / "store", "retina-oct", "1.0.0", tmp_path) if packed else folder

    import_model(source, store)

    taken = store / "retina-oct" / "1.0.0" / "statistics.safetensors"
    assert taken.read_bytes() == (folder / "statistics.safetensors").read_bytes()


def test_statistics_that_the_card_promises_and_are_not_there_are_asked_for(
    folder: Path, archive: Path, store: Path
) -> None:
    give_statistics(folder)
    promising = changed(archive, "model.json", (folder / "model.json").read_bytes())
    with pytest.raises(ServingError, match=f"{promising} holds no statistics.safetensors"):
        import_model(promising, store)

    (folder / "statistics.safetensors").unlink()
    with pytest.raises(
        ServingError, match=f"{folder} holds no statistics.safetensors: a model is a folder with"
    ):
        import_model(folder, store)

    assert nothing_came_of_it(store)


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


def test_a_version_that_would_never_be_served_is_refused(folder: Path, store: Path, made: Path) -> None:
    """The store that is looked into first has one of this name and version."""
    with pytest.raises(
        ServingError,
        match=rf"{made}/store/retina-oct/1\.0\.0 holds a retina-oct 1\.0\.0, which would be served in its place",
    ):
        import_model(folder, store, first=made / "store")

    assert nothing_came_of_it(store)


@pytest.mark.parametrize("label", ["../../x", '=HYPERLINK("https://example.org")'])
def test_a_card_with_a_label_that_is_none_is_refused(folder: Path, store: Path, label: str) -> None:
    card = folder / "model.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"labels": [label, *content["labels"][1:]], "caveats": {}}))

    with pytest.raises(ServingError, match="can't be a label"):
        import_model(folder, store)

    assert nothing_came_of_it(store)


def test_a_broken_version_in_the_store_is_another_one(folder: Path, store: Path) -> None:
    import_model(folder, store)
    (store / "retina-oct" / "1.0.0" / "model.json").write_text("{")

    with pytest.raises(ServingError, match=r"has another retina-oct 1\.0\.0"):
        import_model(folder, store)


def cut_off(folder: Path) -> None:
    content = (folder / "weights.safetensors").read_bytes()[:-1000]
    (folder / "weights.safetensors").write_bytes(content)
    rewrite_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: rewrite_weights(folder, one_nan), "probabilities that are no numbers"),
        (lambda folder: rewrite_card(folder, labels=["A", "B"]), "don't fit convnext_atto with 2 labels"),
        (cut_off, "no whole safetensors file"),
    ],
    ids=["NaN", "other labels", "cut off"],
)
def test_a_model_that_does_not_answer_is_refused_in_a_sentence(
    folder: Path, store: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    """Though its weights are those of its card."""
    spoil(folder)

    with pytest.raises(ServingError, match=reason) as refused:
        import_model(folder, store)

    assert str(refused.value).startswith(f"{folder}: retina-oct 1.0.0 can't be served: ")
    assert "\n" not in str(refused.value)
    assert nothing_came_of_it(store)


def test_a_card_cannot_name_a_folder_elsewhere(folder: Path, store: Path) -> None:
    card = folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"version": "../../1"}))

    with pytest.raises(ServingError, match="can't name a model or version"):
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


def of_members(archive: Path, **members: bytes) -> Path:
    """An archive with these members alone, compressed."""
    with ZipFile(archive, "w", ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return archive


def test_an_archive_that_inflates_to_gigabytes_is_refused_before_it_does(
    archive: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = of_members(archive, **{"weights.safetensors": bytes(2**28), "model.json": b"{}"})
    assert bomb.stat().st_size < 2**19
    monkeypatch.setattr(ZipFile, "open", None)  # nothing is inflated

    with pytest.raises(
        ServingError, match=r"weights\.safetensors would inflate from [\d,]+ to 268,435,456 bytes"
    ):
        import_model(bomb, store)

    assert nothing_came_of_it(store)


def test_a_directory_that_lies_of_a_size_is_found_out_while_inflating(archive: Path, store: Path) -> None:
    bomb = of_members(archive, **{"weights.safetensors": bytes(2**26), "model.json": b"{}"})
    content = bomb.read_bytes()
    bomb.write_bytes(content.replace(struct.pack("<L", 2**26), struct.pack("<L", 2**20)))

    with pytest.raises(ServingError, match=r"is damaged: its weights\.safetensors can't be read"):
        import_model(bomb, store)

    assert nothing_came_of_it(store)


def test_a_large_card_is_refused(archive: Path, folder: Path, store: Path) -> None:
    bomb = of_members(archive, **{"weights.safetensors": b"x", "model.json": b" " * (2**20 + 1)})
    with pytest.raises(ServingError, match=r"model\.json would inflate"):
        import_model(bomb, store)

    (folder / "model.json").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(ServingError, match=r"model\.json is larger than 1 MiB"):
        import_model(folder, store)


def test_an_archive_of_many_files_is_refused_unread(archive: Path, store: Path) -> None:
    many = of_members(archive, **{f"{number}": b"" for number in range(10_001)})
    with pytest.raises(ServingError, match="holds more files, or larger ones, than a model has"):
        import_model(many, store)

    more = of_members(archive, **{f"{number}": b"" for number in range(70_000)})  # these need ZIP64
    with pytest.raises(ServingError, match="holds more files, or larger ones, than a model has"):
        import_model(more, store)


def test_members_that_are_no_plain_files_are_refused(archive: Path, store: Path) -> None:
    link = ZipInfo("weights.safetensors")
    link.external_attr = 0o120777 << 16
    with ZipFile(archive, "w") as made:
        made.writestr("model.json", b"{}")
        made.writestr(link, b"/etc/passwd")
    with pytest.raises(ServingError, match=r"weights\.safetensors is no plain file"):
        import_model(archive, store)

    with ZipFile(archive, "w", ZIP_LZMA) as made:
        made.writestr("model.json", b"{}")
        made.writestr("weights.safetensors", b"x")
    with pytest.raises(ServingError, match="compressed in a way that is not read here"):
        import_model(archive, store)

    with ZipFile(archive, "w") as made:
        made.writestr("model.json", b"{}")
        made.writestr("weights.safetensors", b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("model.json", b"[]")
    with pytest.raises(ServingError, match=r"holds more than one model\.json"):
        import_model(archive, store)


def test_files_outside_are_not_written(archive: Path, folder: Path, store: Path) -> None:
    with ZipFile(archive, "a") as made:
        made.writestr("../../escaped", b"x")
        made.writestr("/tmp/retinote-escaped", b"x")

    import_model(archive, store)

    assert not list(store.parent.parent.rglob("*escaped"))
    assert not Path("/tmp/retinote-escaped").exists()
