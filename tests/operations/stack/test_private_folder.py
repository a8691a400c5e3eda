"""A data folder is used only where nobody else can put something into it or look into it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from operations.errors import OperationsError
from operations.stack.folder import DataFolder
from operations.stack.privacy import check_private
from tests.stacks import retinote

SOMEBODY = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "var")
    made.make()
    return made


def refusal(folder: DataFolder) -> str:
    with pytest.raises(OperationsError) as refused:
        check_private(folder.path)
    return str(refused.value)


def test_a_folder_of_ones_own_is_taken(folder: DataFolder) -> None:
    folder.path.chmod(0o755)
    folder.administrator_note.touch(mode=0o644)  # as earlier versions made it
    check_private(folder.path)


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "b" / "var")

    check_private(folder.path)
    folder.make()

    made = [tmp_path / "a", tmp_path / "a" / "b", *(tmp_path / "a" / "b").rglob("*")]
    assert {path: oct(stat.S_IMODE(path.stat().st_mode)) for path in made if path.is_dir()} == {
        path: "0o700" for path in made if path.is_dir()
    }


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_what_others_may_write_is_refused(folder: DataFolder, mode: int) -> None:
    folder.path.chmod(mode)

    assert refusal(folder) == (
        f"{folder.path} may be written by others (mode {mode:o}), who could put anything in place of what is kept "
        f"there: chmod 700 {folder.path}, if you know what is in it, or choose another folder with --data-dir."
    )


@pytest.mark.parametrize("name", ["secrets", "run", "mongodb", "media", "torchserve", "logs", "model_store"])
def test_what_others_may_write_is_refused_inside_the_folder_too(folder: DataFolder, name: str) -> None:
    (folder.path / name).mkdir(exist_ok=True)
    (folder.path / name).chmod(0o777)
    check_private(folder.path)  # nobody else gets as far
    folder.path.chmod(0o755)

    assert f"{folder.path / name} may be written by others (mode 777)" in refusal(folder)


@pytest.mark.parametrize("name", ["secrets", "secrets/secret_key", "secrets/mongodb.key"])
def test_secrets_that_others_may_read_are_refused(folder: DataFolder, name: str) -> None:
    path = folder.path / name
    if not path.exists():
        path.touch()
    path.chmod(0o755)
    check_private(folder.path)
    folder.path.chmod(0o755)

    assert f"{path} may be read by others (mode 755)" in refusal(folder)


@needs_root
@pytest.mark.parametrize("name", [".", "secrets", "run", "secrets/secret_key"])
def test_what_belongs_to_somebody_else_is_refused(folder: DataFolder, name: str) -> None:
    path = folder.path / name
    if not path.exists():
        path.touch(mode=0o600)
    os.chown(path, SOMEBODY, SOMEBODY)

    assert f"belongs to another user (number {SOMEBODY})" in refusal(folder)


@needs_root
def test_a_link_that_somebody_else_has_laid_is_refused(folder: DataFolder, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    check_private(link)
    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)

    assert f"{link} belongs to another user" in refusal(DataFolder(link))


@pytest.mark.parametrize("name", ["secrets", "run", "media", "mongodb"])
def test_a_link_in_the_folder_is_looked_at_where_it_leads(
    folder: DataFolder, tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder.path / name).rename(elsewhere)
    (folder.path / name).symlink_to(elsewhere)
    check_private(folder.path)
    elsewhere.chmod(0o777)

    assert "may be written by others" in refusal(folder)


def test_a_folder_above_that_everybody_may_rename_in_is_refused(tmp_path: Path) -> None:
    above = tmp_path / "shared"
    above.mkdir()
    folder = DataFolder(above / "var")
    folder.make()
    above.chmod(0o777)

    assert f"{above} may be written by everybody" in refusal(folder)
    above.chmod(0o1777)  # as /tmp is: only the owner renames
    check_private(folder.path)


@pytest.mark.parametrize(
    "command",
    [
        ("up",),
        ("down",),
        ("status",),
        ("key",),
        ("audit", "head"),
        ("user", "create", "x", "--role", "clinician"),
        ("models", "list"),
        ("models", "promote", "retina-oct", "1.0.0"),
        ("sbom", "{other}/sbom.json"),
        ("backup", "{other}/backup.tar"),
        ("restore", "{other}/backup.tar"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_refuses_such_a_folder(
    folder: DataFolder, tmp_path: Path, command: tuple[str, ...]
) -> None:
    folder.path.chmod(0o777)

    ran = retinote(*(word.format(other=tmp_path) for word in command), "--data-dir", folder.path)

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert ran.stderr.startswith(f"retinote: {folder.path} may be written by others (mode 777)"), ran.stderr
    assert ran.stderr.count("\n") == 1


def test_in_a_container_the_volume_is_as_it_was_mounted(folder: DataFolder, tmp_path: Path) -> None:
    folder.path.chmod(0o777)

    ran = retinote(
        "models",
        *("list", "--data-dir", folder.path, "--model-store", tmp_path / "none"),
        variables={"RETINOTE_IN_CONTAINER": "1"},
    )

    assert ran.returncode == 0, ran.stderr
