"""A fine-tuning that begins anew deletes what one before it has made, and nothing else."""

from pathlib import Path

import pytest

from tests.training.learning.test_fine_tuning import start
from training.data.manifest import DataError
from training.learning.folder import empty, refuse_to_empty


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What a fine-tuning has left, and a note that somebody has put there."""
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.json").write_text("{}")
    (folder / "progress.json").write_text("{}")
    (folder / "notes.txt").write_text("kept")
    return folder


def test_only_what_a_fine_tuning_makes_is_deleted(made: Path) -> None:
    refuse_to_empty(made, [])
    empty(made)
    assert [entry.name for entry in made.iterdir()] == ["notes.txt"]


def test_a_folder_that_is_not_there_or_empty_is_fine(tmp_path: Path) -> None:
    refuse_to_empty(tmp_path / "new", [])
    refuse_to_empty(tmp_path, [])


def test_what_it_would_learn_from_is_not_deleted(made: Path) -> None:
    with pytest.raises(DataError, match="would be deleted; choose another --out"):
        refuse_to_empty(made, [made / "model"])
    refuse_to_empty(made, [made.parent / "model"])


def test_a_folder_of_something_else_is_kept_whole(before: Path, data_set: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("of three years")
    status, output = start(tmp_path, before, data_set, home, "--overwrite").end()
    assert status == 2 and "holds no fine-tuning that could begin anew" in output, output
    assert (home / "thesis.txt").read_text() == "of three years"


def test_a_wrong_data_set_deletes_nothing(before: Path, made: Path, tmp_path: Path) -> None:
    status, output = start(tmp_path, before, tmp_path / "typo", made, "--overwrite").end()
    assert status == 2 and "Traceback" not in output, output
    assert (made / "model" / "model.json").is_file()
