"""What `train` refuses, before it has cost time where that can be known."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file

from handlers.card import CardError
from handlers.network import build_network, load_network
from tests.training.command.conftest import SMALL, freeze, run
from training.data.manifest import DataError
from training.loop import TrainingError
from training.networks import WeightsError
from training.recipe import RecipeError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--outliers", "ERM"], "ERM"),
        (["--outliers", "LOW"], "fewer than two labels"),
        (["--labels", "HIGH", "LOW", "--outliers", "LOW"], "LOW stands under --labels and --outliers"),
    ],
)
def test_outliers_that_make_no_sense_are_named(
    folder_data: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        run("--data", folder_data, "--out", tmp_path / "model", *words, *SMALL, "--epochs", 1)


def test_a_loss_that_is_no_number_stops_with_a_hint(folder_data: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    weights = build_network("convnext_atto", 2, ls_init_value=1.0).state_dict()
    weights["stages.0.blocks.0.conv_dw.weight"].view(-1)[5] = float("nan")
    save_file(weights, start)
    wild = ["--epochs", 2, "--batch-size", 4, "--pretrained-file", start]
    with pytest.raises(TrainingError, match="no number any more .*--learning-rate"):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, *wild)
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_model_is_not_overwritten_by_accident(folder_data: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(DataError, match="--overwrite"):
        run("--data", folder_data, "--out", tmp_path, *SMALL)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_unreadable_scan_of_any_split_is_found_before_the_first_epoch(
    folder_data: Path, tmp_path: Path, split: str
) -> None:
    broken = next((folder_data / split / "LOW").iterdir())
    broken.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=broken.name):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL)
    assert not (tmp_path / "model" / "epochs.csv").exists()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_what_is_no_file_is_found_before_anything_is_read(
    folder_data: Path, tmp_path: Path, split: str
) -> None:
    (folder_data / split / "LOW" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(
        DataError, match=r"1 scan\(s\) are no files that can be read, the first is .*gone\.png"
    ):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL)


def test_two_frozen_data_sets_are_refused_before_the_first_epoch(
    manifest_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETINOTE_DATA_DIR", str(tmp_path / "var"))
    newer = freeze(manifest_data)
    older = Path(shutil.copytree(newer, tmp_path / "older"))
    with pytest.raises(DataError, match="are both frozen data sets"):
        run("--data", older, newer, "--out", tmp_path / "model", *SMALL, "--epochs", 1)
    assert not (tmp_path / "model" / "epochs.csv").exists()


def test_a_file_of_groups_that_cant_be_read_is_refused_before_the_first_epoch(
    folder_data: Path, tmp_path: Path
) -> None:
    options = ["--out", tmp_path / "model", *SMALL, "--epochs", 1, "--groups", tmp_path / "typo.toml"]
    with pytest.raises(DataError, match=r"typo\.toml: the groups can't be read"):
        run("--data", folder_data, *options)
    assert not (tmp_path / "model" / "epochs.csv").exists()

    run("--data", folder_data, *options, "--statistics", "none")
    assert (tmp_path / "model" / "model.json").exists(), "without statistics no groups are needed"


def test_a_damaged_card_beside_the_pretrained_weights_is_found_before_the_first_epoch(
    folder_data: Path, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    save_file(
        build_network("convnext_atto", 2, ls_init_value=1.0).state_dict(), before / "weights.safetensors"
    )
    (before / "model.json").write_text("{}")
    start = ["--pretrained-file", before / "weights.safetensors"]
    with pytest.raises(CardError):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, *start)
    assert not (tmp_path / "model" / "epochs.csv").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ["--arch", "maxvit_rmlp_pico_rw_256", "--size", 100],
            "takes no squares of 100 pixels .* made for 256",
        ),
        (
            ["--arch", "vit_tiny_patch16_224", "--size", 64, "--first-size", 40, "--first-epochs", 1],
            "squares of 64 pixels takes none of 40 .* choose another --first-size, or leave out",
        ),
        (["--arch", "xcit_nano_12_p16_224"], "can be trained, but not served: Grad-CAM doesn't know"),
    ],
)
def test_what_could_not_be_served_is_not_trained(
    folder_data: Path, tmp_path: Path, options: list[object], reason: str
) -> None:
    with pytest.raises(WeightsError, match=reason):
        run("--data", folder_data, "--out", tmp_path / "model", "--no-pretrained", *options)
    assert not (tmp_path / "model" / "epochs.csv").exists()


@pytest.mark.parametrize("processes", [0, -1, 100_000])
def test_a_number_of_processes_that_cannot_be(folder_data: Path, tmp_path: Path, processes: int) -> None:
    with pytest.raises(RecipeError, match="--processes must be from 1 to 256"):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--processes", processes)


def test_features_are_compared_of_maps_alone(folder_data: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    sizes = ["--epochs", 1, "--batch-size", 4]
    run("--data", folder_data, "--out", teacher, *SMALL, *sizes)
    student = ["--arch", "volo_d1_224", "--no-pretrained"]
    with pytest.raises(RecipeError, match="VOLO has no feature map"):
        run(
            *("--data", folder_data, "--out", tmp_path / "model", *student, *sizes),
            *("--teacher", teacher, "--teacher-weight", 0.5, "--teacher-features", 1),
        )


def test_unreachable_pretrained_weights_say_how_to_go_on(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="--no-pretrained"):
        run("--data", folder_data, "--out", tmp_path / "model", "--arch", "convnext_atto")


def test_an_unknown_architecture_is_refused_with_near_ones(folder_data: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="convnext_atto"):
        run("--data", folder_data, "--out", tmp_path / "model", "--arch", "convnext_gigantic")


def test_a_file_without_weights_is_named(folder_data: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"wrong\.safetensors"):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--pretrained-file", wrong)


def test_a_split_that_leaks_is_refused_unless_allowed(folder_data: Path, tmp_path: Path) -> None:
    known = next((folder_data / "train" / "LOW").iterdir())
    (folder_data / "val" / "LOW" / "again.png").write_bytes(known.read_bytes())
    options = ["--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 4]
    with pytest.raises(DataError, match="1 identical scan.*again"):
        run(*options)
    run(*options, "--allow-leaks")
    card, _ = load_network(tmp_path / "model")
    assert any("too good" in limit for limit in card.limits)
    assert str(tmp_path) not in (tmp_path / "model" / "model.json").read_text()


@pytest.mark.parametrize(("option", "given"), [("--name", "../retina-oct"), ("--version", "1.0 final")])
def test_a_name_that_no_import_takes_is_refused_before_anything_is_read(
    tmp_path: Path, option: str, given: str
) -> None:
    with pytest.raises(CardError, match=f"{option} .* can't name a model or version"):
        run("--data", tmp_path / "absent", "--out", tmp_path / "model", option, given)
