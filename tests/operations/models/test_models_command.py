"""`./retinote models` where no stack runs: what it shows, and what it decides for the next start."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from operations.errors import OperationsError
from operations.models.commands import ACTIONS, ARGUMENTS, add_models_arguments, models
from operations.models.decisions import StoppedStack, one_at_a_time
from operations.stack.folder import DataFolder, write_state
from serving.changes import note_defaults
from serving.errors import ServingError
from serving.gates import GATE_NAME
from serving.registry import Registry, models_to_serve
from serving.stores import ModelStores
from tests.gates import facts, write_gate
from tests.handlers.test_trial import one_nan, rewrite_card, rewrite_weights
from tests.models import make_model

NAME = "retina-oct"
Run = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The installation's store, with one version."""
    make_model(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "var")
    made.make()
    return made


@pytest.fixture
def run(store: Path, data: DataFolder, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an action beside the installation's store; what it printed."""

    def run(action: str, *arguments: str | Path) -> str:
        parser = argparse.ArgumentParser()
        add_models_arguments(parser)
        words = [action, *map(str, arguments), "--data-dir", str(data.path)]
        if ACTIONS[action].in_a_store:
            words += ["--model-store", str(store)]
        assert models(parser.parse_args(words)) == 0
        return capsys.readouterr().out

    return run


@contextmanager
def running(data: DataFolder, *stores: Path) -> Iterator[Callable[..., int]]:
    """Runs actions while a stack holds the folder that serves from these stores; its model server is away."""
    state = {"management_url": "http://127.0.0.1:9", "key_file": "none", "model_stores": [*map(str, stores)]}
    parser = argparse.ArgumentParser()
    add_models_arguments(parser)
    lock = data.hold(print)
    write_state(data, {"pid": os.getpid(), **state})
    try:
        yield lambda *words: models(parser.parse_args([*map(str, words), "--data-dir", str(data.path)]))
    finally:
        os.close(lock)


def changes(data: DataFolder) -> list[tuple[str, str]]:
    """What was noted for the audit."""
    lines = data.changes.read_text().splitlines() if data.changes.exists() else []
    return [(change["action"], change["model"]) for change in map(json.loads, lines)]


def test_what_is_imported_is_listed_and_answers_once_it_is_promoted(
    run: Run, data: DataFolder, store: Path, tmp_path: Path
) -> None:
    source = make_model(tmp_path / "elsewhere", version="2.0.0", seed=3)

    assert "To serve it: ./retinote models register retina-oct 2.0.0" in run("import", source)
    assert Registry(data.registry).choice(NAME).default is None

    with pytest.raises(OperationsError, match=r"2\.0\.0 has not been compared with 1\.0\.0"):
        run("promote", NAME, "2.0.0")
    assert "retina-oct 2.0.0 answers by default from the next ./retinote up on" in run(
        "promote", NAME, "2.0.0", "--override", "it is untrained, as the first one is"
    )
    (model,) = models_to_serve(ModelStores([store, data.model_store]), Registry(data.registry))
    assert model.default == "2.0.0"
    assert run("list").splitlines()[2].split() == [NAME, "2.0.0", "no", "-", "yes"]
    assert changes(data) == [("model.import", "retina-oct/2.0.0"), ("model.promote", "retina-oct/2.0.0")]


def test_a_model_that_does_not_answer_is_not_promoted(run: Run, data: DataFolder) -> None:
    rewrite_weights(make_model(data.model_store, version="2.0.0", seed=3), one_nan)

    with pytest.raises(
        ServingError, match=r"^retina-oct 2\.0\.0 can't be served: the network gives probabilities"
    ):
        run("promote", NAME, "2.0.0", "--override", "no test set")

    assert Registry(data.registry).choice(NAME).default is None
    assert changes(data) == []


def test_a_version_that_is_nowhere_is_not_promoted(run: Run) -> None:
    with pytest.raises(OperationsError, match=r"There is no retina-oct 9\.9\.9"):
        run("promote", NAME, "9.9.9")


def test_a_rollback_before_anything_was_promoted(run: Run) -> None:
    with pytest.raises(OperationsError, match="No version of retina-oct was the default before"):
        run("rollback", NAME)


def test_the_default_of_the_first_start_is_listed(run: Run, data: DataFolder, store: Path) -> None:
    make_model(store, version="1.1.0", seed=3)
    make_model(data.model_store, version="2.0.0")

    _, *rows = map(str.split, run("list").splitlines())

    assert rows == [[NAME, "1.0.0", "no", "-"], [NAME, "1.1.0", "no", "-", "yes"], [NAME, "2.0.0", "no", "-"]]


def test_a_broken_version_is_listed_with_the_reason(run: Run, data: DataFolder) -> None:
    folder = make_model(data.model_store, version="2.0.0")
    (folder / "weights.safetensors").write_bytes(b"x")

    *rows, sentence = run("list").splitlines()

    assert rows[2].split() == [NAME, "2.0.0", "broken", "-"]
    assert sentence.startswith("retina-oct 2.0.0 can't be served: ")
    assert "is not the file that its card describes" in sentence


def test_a_version_is_shown_with_its_card(run: Run, store: Path) -> None:
    shown = dict(
        line.split(maxsplit=1) for line in run("show", NAME, "1.0.0").splitlines() if " " in line.strip()
    )

    assert shown["folder"] == str(store / NAME / "1.0.0")
    assert (shown["served"], shown["promoted"], shown["problem"]) == ("no", "never", "none")
    assert shown["architecture"] == "convnext_atto"
    assert shown["labels"] == "AMD, CNV, DME, DRUSEN, MH, NORMAL"
    assert shown["input.size"] == "224"


def test_a_version_that_another_store_shadows_is_shown_as_such(run: Run, data: DataFolder) -> None:
    shadowed = make_model(data.model_store, seed=9)

    assert f"never served  {shadowed}: the folder above comes first" in run("show", NAME, "1.0.0")


def test_a_version_with_a_card_that_cannot_be_read_is_shown_with_the_reason(
    run: Run, data: DataFolder
) -> None:
    (make_model(data.model_store, version="2.0.0") / "model.json").write_text("{")

    assert "the model card is not valid JSON" in run("show", NAME, "2.0.0")


def test_two_versions_are_held_beside_each_other(run: Run, data: DataFolder) -> None:
    folder = make_model(data.model_store, version="2.0.0")
    rewrite_card(
        folder,
        labels=["AMD", "CNV", "DME", "DRUSEN", "RVO", "NORMAL"],
        metrics={"test": {"accuracy": 0.9}},
    )

    table = run("diff", NAME, "1.0.0", "2.0.0").splitlines()

    assert table[0].split() == ["field", "1.0.0", "2.0.0"]
    assert ["metrics.test.accuracy", "-", "0.9"] in [line.split() for line in table]
    assert not [line for line in table if line.startswith(("name", "version", "architecture", "input"))]
    assert table[-2:] == ["2.0.0 does not know MH.", "1.0.0 does not know RVO."]


def test_labels_in_another_order_are_told_of(run: Run, data: DataFolder) -> None:
    folder = make_model(data.model_store, version="2.0.0")
    rewrite_card(folder, labels=["CNV", "AMD", "DME", "DRUSEN", "MH", "NORMAL"])

    assert (
        run("diff", NAME, "1.0.0", "2.0.0").splitlines()[-1] == "The labels are the same, in another order."
    )


def test_cards_that_say_the_same(run: Run, data: DataFolder) -> None:
    make_model(data.model_store, version="2.0.0")

    assert run("diff", NAME, "1.0.0", "2.0.0") == ("The cards of retina-oct 1.0.0 and 2.0.0 say the same.\n")


def test_a_version_is_removed_with_its_archive_and_a_record(run: Run, data: DataFolder) -> None:
    folder = make_model(data.model_store, version="2.0.0")
    archive = Path(run("build", NAME, "2.0.0").strip())
    assert archive.is_file()

    assert "retina-oct 2.0.0 is deleted from" in run("remove", NAME, "2.0.0")

    assert not folder.exists()
    assert not archive.exists()
    assert os.listdir(folder.parent) == []
    assert changes(data) == [("model.remove", "retina-oct/2.0.0")]


def test_the_record_of_a_version_that_another_store_shadows_names_its_own_weights(
    run: Run, data: DataFolder
) -> None:
    card = json.loads((make_model(data.model_store, seed=9) / "model.json").read_text())

    run("remove", NAME, "1.0.0")

    (change,) = map(json.loads, data.changes.read_text().splitlines())
    assert change["weights_sha256"] == card["weights_sha256"]


def test_what_answers_or_is_served_or_lies_elsewhere_is_not_removed(
    run: Run, data: DataFolder, store: Path
) -> None:
    registry = Registry(data.registry)
    for version in ("2.0.0", "3.0.0"):
        make_model(data.model_store, version=version)
    registry.note_promoted(NAME, "2.0.0", "")
    registry.note_registered(NAME, "3.0.0")

    for version, reason in (
        ("2.0.0", "answers by default; promote another version first"),
        ("3.0.0", "is served; retire it first: ./retinote models retire retina-oct 3.0.0"),
        ("1.0.0", "is not the data folder's store; it is left alone"),
        ("9.9.9", "There is no retina-oct 9.9.9"),
        ("../retina-oct/3.0.0", "There is no retina-oct ../retina-oct/3.0.0"),
    ):
        with pytest.raises(ServingError, match=reason):
            run("remove", NAME, version)

    assert changes(data) == []
    assert ModelStores([store, data.model_store]).versions(NAME) == ["1.0.0", "2.0.0", "3.0.0"]


def test_a_version_is_retired_for_the_next_start(run: Run, data: DataFolder) -> None:
    registry = Registry(data.registry)
    registry.note_promoted(NAME, "1.0.0", "")
    registry.note_registered(NAME, "3.0.0")

    with pytest.raises(OperationsError, match="answers by default; promote another version first"):
        run("retire", NAME, "1.0.0")
    assert "no longer served" in run("retire", NAME, "3.0.0")
    with pytest.raises(OperationsError, match="answers by default"):  # the only model
        run("retire", NAME, "1.0.0")

    assert registry.choice(NAME).registered == []
    assert changes(data) == [("model.retire", "retina-oct/3.0.0")]


def test_a_whole_model_is_retired_for_the_next_start(run: Run, store: Path, data: DataFolder) -> None:
    for version in ("1.0.0", "1.1.0"):
        make_model(store, name="fundus", version=version)
    stores, registry = ModelStores([store]), Registry(data.registry)
    note_defaults(data.changes, registry, stores, print)

    assert "no longer served" in run("retire", "fundus", "1.1.0")

    note_defaults(data.changes, registry, stores, print)  # as the next start does
    assert [model.name for model in models_to_serve(stores, registry)] == [NAME]
    with pytest.raises(OperationsError, match="not been compared with 1.1.0, which answered .* was retired"):
        run("promote", "fundus", "1.0.0")
    run("promote", "fundus", "1.1.0")  # nothing else than before
    assert [model.name for model in models_to_serve(stores, registry)] == ["fundus", NAME]


def test_registering_needs_a_stack(run: Run) -> None:
    with pytest.raises(OperationsError, match="No stack runs"):
        run("register", NAME, "1.0.0")


def test_the_stores_of_a_running_stack_are_looked_into(
    data: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_model(tmp_path / "another", version="5.0.0")
    with running(data, tmp_path / "another", data.model_store) as run:
        run("show", NAME, "5.0.0")

    assert str(tmp_path / "another" / NAME / "5.0.0") in capsys.readouterr().out


def test_a_folder_that_a_stack_was_given_by_another_name_is_still_its_own(
    data: DataFolder, store: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(data.path)
    default = make_model(data.model_store, version="2.0.0")
    Registry(data.registry).note_promoted(NAME, "2.0.0", "")

    with running(data, store, tmp_path / "link" / "model_store") as run:
        run("import", default)
        with pytest.raises(ServingError, match="2.0.0 answers by default"):
            run("remove", NAME, "2.0.0")

    assert default.is_dir()


def test_every_action_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_models_arguments(parser)
    for action, what in ACTIONS.items():
        with pytest.raises(SystemExit):
            parser.parse_args([action, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        assert what.help[1:] in shown
        assert all(f"{ARGUMENTS[argument][1]} " in shown for argument in what.arguments)


def passed_gate(data: DataFolder, store: Path, version: str, champion: str) -> None:
    """Write down that a version has passed its gate: the comparison itself is tested where it is made."""
    stores = ModelStores([store, data.model_store])
    write_gate(data.gates, facts(stores, NAME, version), facts(stores, NAME, champion))


def test_a_version_that_has_passed_its_gate_is_promoted(run: Run, data: DataFolder, store: Path) -> None:
    make_model(data.model_store, version="2.0.0", seed=3)
    make_model(data.model_store, version="3.0.0", seed=4)
    for version in ("2.0.0", "3.0.0"):
        passed_gate(data, store, version, champion="1.0.0")

    run("promote", NAME, "2.0.0")

    # Two administrators have compared with the same champion: the second has to compare again.
    with pytest.raises(
        OperationsError, match=r"3\.0\.0 was compared with 1\.0\.0, and not with 2\.0\.0, which"
    ):
        run("promote", NAME, "3.0.0")
    (change,) = map(json.loads, data.changes.read_text().splitlines())
    assert "override" not in change


def test_an_override_is_noted_with_its_reason(run: Run, data: DataFolder) -> None:
    make_model(data.model_store, version="2.0.0", seed=3)

    with pytest.raises(OperationsError, match="has not been compared"):
        run("promote", NAME, "2.0.0")
    with pytest.raises(ServingError, match="--override needs a reason"):
        run("promote", NAME, "2.0.0", "--override", " ")
    run("promote", NAME, "2.0.0", "--override", "the old one is gone")

    (change,) = map(json.loads, data.changes.read_text().splitlines())
    assert (change["action"], change["override"]) == ("model.promote", "the old one is gone")


def test_other_weights_under_the_default_are_accepted_with_a_reason_alone(
    run: Run, data: DataFolder, store: Path
) -> None:
    Registry(data.registry).note_promoted(NAME, "1.0.0", "ab" * 32)

    with pytest.raises(OperationsError, match="has other weights now than those that were promoted"):
        run("promote", NAME, "1.0.0")
    stopped = StoppedStack(data, ModelStores([store]))
    assert (
        stopped.needed_override("promote", NAME, "1.0.0", " they were \n converted") == "they were converted"
    )


def test_two_administrators_can_not_promote_at_once(run: Run, data: DataFolder) -> None:
    make_model(data.model_store, version="2.0.0", seed=3)

    with one_at_a_time(data), pytest.raises(OperationsError) as refused:
        run("promote", NAME, "2.0.0", "--override", "nobody else does")

    assert f"Somebody else is changing which version of a model answers (process {os.getpid()})" in str(
        refused.value
    )
    assert Registry(data.registry).choice(NAME).default is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((NAME, "9.9.9"), r"There is no retina-oct 9\.9\.9"),
        (
            (NAME, "1.0.0"),
            r"retina-oct 1\.0\.0 answers by default already; there is nothing to compare it with",
        ),
        ((NAME, "1.0.0", "--against", "9.9.9"), r"There is no retina-oct 9\.9\.9"),
        (("fundus", "1.0.0"), "No version of fundus answers by default, so that there is nothing to compare"),
    ],
)
def test_what_can_not_be_compared(run: Run, data: DataFolder, words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(OperationsError, match=sentence):
        run("gate", *words)

    assert not list(data.gates.rglob(GATE_NAME))
