"""What a stack serves, by --models, by its variables, or by its modalities."""

import pytest

from operations.errors import OperationsError
from operations.models.wanted import wanted_models
from serving.wanted import Wanted


def test_without_anything_said_the_models_of_all_modalities_begin() -> None:
    wanted = wanted_models([], {})
    assert wanted.only is None and wanted.known is not None
    assert {"retina-oct", "chest-xray"} <= wanted.known


def test_names_on_the_command_line_go_before_those_of_the_variable() -> None:
    variables = {"RETINOTE_MODELS": "retina-oct, my-own"}
    assert wanted_models([], variables) == Wanted(only=frozenset({"retina-oct", "my-own"}))
    assert wanted_models(["retina-oct"], variables) == Wanted(only=frozenset({"retina-oct"}))
    assert wanted_models([], {"RETINOTE_MODELS": " "}).only is None


def test_the_web_apps_own_name_of_its_first_model_is_expected_too() -> None:
    known = wanted_models([], {"RETINOTE_MODEL_NAME": "my-own"}).known
    assert known is not None and "my-own" in known


def test_modalities_that_cannot_be_read_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETINOTE_MODALITIES", "/nowhere")
    with pytest.raises(OperationsError, match="/nowhere is not a folder"):
        wanted_models([], {})
