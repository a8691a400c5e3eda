"""Models that come from elsewhere are imported, or refused by what is wrong with them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from serving.archive import build_archive
from serving.errors import ServingError
from tests.handlers.test_trial import one_nan, rewrite_card, rewrite_weights
from tests.models import give_statistics, make_model
from tests.serving.importing.conftest import import_model, is_empty


def changed(archive: Path, member: str, content: bytes) -> Path:
    """Another archive with one member replaced, a sound zip file all the same."""
    out = archive.with_name("changed.mar")
    with ZipFile(archive) as opened, ZipFile(out, "w") as made:
        for name in opened.namelist():
            made.writestr(name, content if name == member else opened.read(name))
    return out


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

    assert is_empty(store)


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
    assert is_empty(store)


def test_an_archive_with_a_flipped_byte_is_refused(archive: Path, store: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1  # the weights are most of it
    archive.write_bytes(content)

    with pytest.raises(ServingError, match=r"weights\.safetensors"):
        import_model(archive, store)

    assert is_empty(store)


def test_a_folder_with_a_flipped_byte_is_refused(folder: Path, store: Path) -> None:
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(ServingError, match=f"{weights.parent}: weights.safetensors is not the file"):
        import_model(folder, store)

    assert is_empty(store)


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

    assert is_empty(store)


@pytest.mark.parametrize("label", ["../../x", '=HYPERLINK("https://example.org")'])
def test_a_card_with_a_label_that_is_none_is_refused(folder: Path, store: Path, label: str) -> None:
    card = folder / "model.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"labels": [label, *content["labels"][1:]], "caveats": {}}))

    with pytest.raises(ServingError, match="can't be a label"):
        import_model(folder, store)

    assert is_empty(store)


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
    assert is_empty(store)


def test_a_card_cannot_name_a_folder_elsewhere(folder: Path, store: Path) -> None:
    card = folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"version": "../../1"}))

    with pytest.raises(ServingError, match="can't name a model or version"):
        import_model(folder, store)

    assert is_empty(store)


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
