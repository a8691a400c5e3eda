"""Archives made to harm who unpacks them."""

import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest

from serving.errors import ServingError
from tests.serving.importing.conftest import import_model, is_empty


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

    assert is_empty(store)


def test_a_directory_that_lies_of_a_size_is_found_out_while_inflating(archive: Path, store: Path) -> None:
    bomb = of_members(archive, **{"weights.safetensors": bytes(2**26), "model.json": b"{}"})
    content = bomb.read_bytes()
    bomb.write_bytes(content.replace(struct.pack("<L", 2**26), struct.pack("<L", 2**20)))

    with pytest.raises(ServingError, match=r"is damaged: its weights\.safetensors can't be read"):
        import_model(bomb, store)

    assert is_empty(store)


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
