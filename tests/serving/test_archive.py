"""Archives built from a model store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from serving.archive import build_archive, version_key, versions
from serving.errors import ServingError
from tests.models import give_findings, give_int8, give_statistics, make_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one model."""
    store = tmp_path_factory.mktemp("made")
    make_model(store, name="retina-oct", version="1.0.0")
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "store"))


def test_an_archive_holds_card_weights_and_packages(store: Path, tmp_path: Path) -> None:
    archive = build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")

    assert archive == tmp_path / "out" / "retina-oct-1.0.0.mar"
    with ZipFile(archive) as opened:
        names = set(opened.namelist())
        manifest = json.loads(opened.read("MAR-INF/MANIFEST.json"))
        source = store / "retina-oct" / "1.0.0"
        assert opened.read("model.json") == (source / "model.json").read_bytes()
        assert opened.read("weights.safetensors") == (source / "weights.safetensors").read_bytes()
    assert {
        "torchserve_handler.py",
        "handlers/__init__.py",
        "handlers/network.py",
        "imaging/__init__.py",
        "imaging/devices.json",
        "model-config.yaml",
    } <= names
    assert not [name for name in names if "__pycache__" in name]
    assert manifest["model"]["modelName"] == "retina-oct"
    assert manifest["model"]["modelVersion"] == "1.0.0"


BESIDE_WEIGHTS: dict[str, Callable[[Path], object]] = {
    "statistics.safetensors": give_statistics,
    "findings.safetensors": give_findings,
    "int8.safetensors": give_int8,
}


@pytest.mark.parametrize("name", BESIDE_WEIGHTS)
def test_what_lies_beside_the_weights_is_packed_where_the_card_promises_it(
    store: Path, tmp_path: Path, name: str
) -> None:
    source = store / "retina-oct" / "1.0.0"
    (source / name).write_bytes(b"of another version")
    with ZipFile(build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")) as opened:
        assert name not in opened.namelist()

    BESIDE_WEIGHTS[name](source)

    with ZipFile(build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")) as opened:
        assert opened.read(name) == (source / name).read_bytes()
        assert json.loads(opened.read("handlers/rules.json"))


@pytest.mark.parametrize("name", BESIDE_WEIGHTS)
@pytest.mark.parametrize("fault", ["is missing, which", "is not the file that"])
def test_a_file_that_is_not_the_one_of_the_card_is_refused(
    store: Path, tmp_path: Path, name: str, fault: str
) -> None:
    file = store / "retina-oct" / "1.0.0" / name
    BESIDE_WEIGHTS[name](file.parent)
    content = file.read_bytes()
    file.unlink()
    if "not the file" in fault:
        file.write_bytes(content + b"x")

    with pytest.raises(ServingError, match=rf"{name} {fault} its card describes"):
        build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")


def test_an_archive_is_built_again_only_when_its_inputs_changed(store: Path, tmp_path: Path) -> None:
    first = build_archive(store, "retina-oct", "1.0.0", tmp_path).stat()
    assert build_archive(store, "retina-oct", "1.0.0", tmp_path).stat().st_ino == first.st_ino

    card = store / "retina-oct" / "1.0.0" / "model.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"limits": ["Not for children."]}))

    assert build_archive(store, "retina-oct", "1.0.0", tmp_path).stat().st_ino != first.st_ino


def test_a_damaged_archive_is_built_again(store: Path, tmp_path: Path) -> None:
    archive = build_archive(store, "retina-oct", "1.0.0", tmp_path)
    with ZipFile(archive) as whole:
        names = set(whole.namelist())
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])

    with ZipFile(build_archive(store, "retina-oct", "1.0.0", tmp_path)) as rebuilt:
        assert rebuilt.testzip() is None
        assert set(rebuilt.namelist()) == names


def rewritten(archive: Path, **changed: bytes) -> None:
    """The archive with other members in it, a sound zip file all the same."""
    with ZipFile(archive) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    with ZipFile(archive, "w") as out:
        for name, content in (members | changed).items():
            out.writestr(name, content)


@pytest.mark.parametrize(
    "member",
    ["weights.safetensors", "model.json", "torchserve_handler.py", "imaging/decoding.py", "extra.py"],
)
def test_an_archive_that_somebody_changed_is_never_registered(
    store: Path, tmp_path: Path, member: str
) -> None:
    """Whatever lies under the name of an archive, what `build_archive` returns has the store's weights and our code."""
    archive = build_archive(store, "retina-oct", "1.0.0", tmp_path)
    rewritten(archive, **{member: b"changed"})

    build_archive(store, "retina-oct", "1.0.0", tmp_path)

    with ZipFile(archive) as rebuilt:
        assert member not in rebuilt.namelist() or rebuilt.read(member) != b"changed"


def test_an_archive_whose_manifest_names_other_code_is_built_again(store: Path, tmp_path: Path) -> None:
    archive = build_archive(store, "retina-oct", "1.0.0", tmp_path)
    with ZipFile(archive) as opened:
        manifest = opened.read("MAR-INF/MANIFEST.json")
    rewritten(
        archive,
        **{"MAR-INF/MANIFEST.json": manifest.replace(b"torchserve_handler.py", b"imaging/decoding.py")},
    )

    build_archive(store, "retina-oct", "1.0.0", tmp_path)

    with ZipFile(archive) as rebuilt:
        assert (
            json.loads(rebuilt.read("MAR-INF/MANIFEST.json"))["model"]["handler"] == "torchserve_handler.py"
        )


def test_a_flipped_bit_of_an_archive_is_repaired_from_the_store(store: Path, tmp_path: Path) -> None:
    archive = build_archive(store, "retina-oct", "1.0.0", tmp_path)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    with ZipFile(build_archive(store, "retina-oct", "1.0.0", tmp_path)) as rebuilt:
        assert rebuilt.testzip() is None


def test_building_leaves_nothing_else(store: Path, tmp_path: Path) -> None:
    build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")

    assert [file.name for file in (tmp_path / "out").iterdir()] == ["retina-oct-1.0.0.mar"]


def test_weights_that_do_not_fit_the_card_are_refused(store: Path, tmp_path: Path) -> None:
    weights = store / "retina-oct" / "1.0.0" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")

    with pytest.raises(
        ServingError, match=r"weights\.safetensors is not the file that its card describes: sha256 is"
    ):
        build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_card_in_the_wrong_folder_is_refused(store: Path, tmp_path: Path) -> None:
    (store / "retina-oct" / "1.0.0").rename(store / "retina-oct" / "2.0.0")

    with pytest.raises(
        ServingError, match=r"says it is retina-oct 1\.0\.0, but is in the folder of retina-oct 2\.0\.0"
    ):
        build_archive(store, "retina-oct", "2.0.0", tmp_path / "out")


def test_a_card_that_is_no_card_is_refused_by_name(store: Path, tmp_path: Path) -> None:
    card = store / "retina-oct" / "1.0.0" / "model.json"
    card.write_text("{}")

    with pytest.raises(ServingError, match=str(card)):
        build_archive(store, "retina-oct", "1.0.0", tmp_path / "out")


def test_an_unknown_version_names_the_known_ones(store: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"Versions in .*: 1\.0\.0\."):
        build_archive(store, "retina-oct", "9.9.9", tmp_path / "out")


@pytest.mark.parametrize("name", ["../retina-oct", "retina oct", "", ".hidden"])
def test_names_cannot_leave_the_store(store: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ServingError, match="can't name a model or version"):
        build_archive(store, name, "1.0.0", tmp_path / "out")


def test_versions_are_ordered_as_people_do() -> None:
    shuffled = ["2", "1.0.0", "0.10.0", "1.0.0rc2", "0.9.0", "1.0.1", "1.0.0rc1"]

    assert sorted(shuffled, key=version_key) == [
        "0.9.0",
        "0.10.0",
        "1.0.0rc1",
        "1.0.0rc2",
        "1.0.0",
        "1.0.1",
        "2",
    ]


def test_versions_in_a_store(tmp_path: Path) -> None:
    for version in ("0.10.0", "0.9.0"):
        (tmp_path / "retina-oct" / version).mkdir(parents=True)
        (tmp_path / "retina-oct" / version / "model.json").touch()
    (tmp_path / "retina-oct" / "draft").mkdir()

    assert versions(tmp_path, "retina-oct") == ["0.9.0", "0.10.0"]
    assert versions(tmp_path, "other") == []
