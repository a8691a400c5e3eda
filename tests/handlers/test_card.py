"""The model card: what is written is read back, and what can't be used is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from handlers.card import CardError, ModelCard
from imaging.quality import QualityLimits
from tests.models import LABELS, give_statistics, make_model


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    """The card of a fresh model."""
    return make_model(tmp_path) / "model.json"


def changed(card_file: Path, field: str, value: Any) -> Path:
    """The same card with another value; `field` may be input.NAME."""
    content = json.loads(card_file.read_text())
    *parents, last = field.split(".")
    target = content[parents[0]] if parents else content
    target[last] = value
    card_file.write_text(json.dumps(content))
    return card_file


def test_a_saved_card_is_read_back(card_file: Path, tmp_path: Path) -> None:
    card = ModelCard.load(card_file)
    copy = tmp_path / "copy.json"
    card.save(copy)
    assert ModelCard.load(copy) == card
    assert card.labels == ("AMD", "CNV", "DME", "DRUSEN", "MH", "NORMAL")
    assert card.input.size == 224


def test_a_card_as_json_is_what_the_file_holds(card_file: Path) -> None:
    assert ModelCard.load(card_file).to_dict() == json.loads(card_file.read_text())


@pytest.mark.parametrize(
    ("field", "value", "same"),
    [
        ("version", "9.9.9", True),
        ("metrics", {"accuracy": 0.9}, True),
        ("caveats", {"MH": "Seldom seen."}, True),
        ("statistics.figures", {"auroc": 0.9}, True),
        ("weights_sha256", "ab" * 32, False),
        ("temperature", 2.5, False),
        ("input.size", 192, False),
        ("labels", ["AMD", "CNV", "DME", "DRUSEN", "NORMAL", "MH"], False),
        ("groups", {"either": ["CNV", "AMD"]}, False),
        ("statistics.known_from", 0.5, False),
        ("statistics.sets.least.MH", 0.5, False),
        ("statistics.sha256", "ab" * 32, False),
    ],
)
def test_two_cards_are_the_same_to_a_gate_if_they_answer_alike(
    card_file: Path, field: str, value: Any, same: bool
) -> None:
    give_statistics(card_file.parent)
    before = ModelCard.load(card_file).answering_sha256

    *parents, last = field.split(".")
    content = json.loads(card_file.read_text())
    target = content
    for parent in parents:
        target = target[parent]
    target[last] = value

    assert (ModelCard.from_json(json.dumps(content)).answering_sha256 == before) is same


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "../../x"),
        ("name", "."),
        ("name", "a/b"),
        ("name", "x" * 81),
        ("name", "retina-oct\n"),
        ("name", "rétina"),
        ("version", 1),
        ("version", "../1"),
        ("version", "-1"),
        *(
            ("labels", ["CNV", label])
            for label in (
                "../../x",
                '=HYPERLINK("https://example.org")',
                "+1",
                "-1",
                "@x",
                "a/b",
                "a\\b",
                ".",
                "..",
                " CNV",
                "CNV ",
                "CNV.",
                "CNV\n",
                "a\tb",
                "a;b",
                "<b>",
                "a|b",
                "x" * 81,
                "",
                1,
            )
        ),
        ("labels", ["CNV", "CNV"]),
        ("labels", ["CNV"]),
        ("labels", "CNV"),
        ("temperature", 0),
        ("temperature", float("nan")),
        ("temperature", True),
        ("weights_sha256", "abc"),
        ("limits", "none"),
        ("metrics", []),
        ("input.size", 16),
        ("input.size", 224.5),
        ("input.mean", [0.5, 0.5]),
        ("input.std", [0.2, 0.2, 0]),
        ("input.resize", "squeeze"),
    ],
)
def test_an_unusable_value_is_refused_by_file_and_field(card_file: Path, field: str, value: Any) -> None:
    with pytest.raises(CardError) as refused:
        ModelCard.load(changed(card_file, field, value))
    assert str(card_file) in str(refused.value)
    assert field in str(refused.value)


@pytest.mark.parametrize(
    "label", ["CNV", "wet AMD", "DR+DME", "AMD (wet)", "Ödem", "x" * 80, "0", "stage_1.5"]
)
def test_what_can_be_a_label(card_file: Path, label: str) -> None:
    assert ModelCard.load(changed(card_file, "labels", ["DME", label])).labels[1] == label


def test_a_label_is_one_however_it_is_written(card_file: Path) -> None:
    assert ModelCard.load(changed(card_file, "labels", ["DME", "O\u0308dem"])).labels[1] == "\u00d6dem"
    with pytest.raises(CardError, match="all different"):
        ModelCard.load(changed(card_file, "labels", ["\u00d6dem", "O\u0308dem"]))


def test_a_missing_field_is_named(card_file: Path) -> None:
    content = json.loads(card_file.read_text())
    del content["input"]["mean"]
    card_file.write_text(json.dumps(content))
    with pytest.raises(CardError, match=r"input\.mean is missing"):
        ModelCard.load(card_file)


def test_a_misspelt_field_is_named(card_file: Path) -> None:
    with pytest.raises(CardError, match="temprature is not known"):
        ModelCard.load(changed(card_file, "temprature", 1.0))


def test_a_file_that_is_no_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="can't be read"):
        ModelCard.load(tmp_path / "model.json")
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(CardError, match="not valid JSON"):
        ModelCard.load(tmp_path / "model.json")
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(CardError, match="must be a JSON object"):
        ModelCard.load(tmp_path / "model.json")


XRAYS = {"picture": "a chest X-ray", "pictures": "chest X-rays", "least_side": 200}


def test_a_card_may_name_its_modality_and_what_its_pictures_keep_to(card_file: Path) -> None:
    changed(card_file, "modality", "chest-xray")
    changed(card_file, "notes", ["A demonstration, not for use."])
    card = ModelCard.load(changed(card_file, "quality", XRAYS))
    assert (card.modality, card.notes) == ("chest-xray", ("A demonstration, not for use.",))
    assert card.quality == QualityLimits("a chest X-ray", "chest X-rays", least_side=200)
    assert ModelCard.from_json(json.dumps(card.to_dict())) == card


def test_a_card_without_these_is_as_before(card_file: Path) -> None:
    card = ModelCard.load(card_file)
    assert (card.modality, card.quality, card.notes) == ("", None, ())
    assert not {"modality", "quality", "notes"} & card.to_dict().keys()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("modality", "Chest X-ray", "modality"),
        ("modality", "-", "modality"),
        ("notes", [""], r"notes\[0\]"),
        ("quality", {"picture": "an X-ray"}, r"quality\.pictures is missing"),
        ("quality", XRAYS | {"least_layerd": 0.5}, r"quality\.least_layerd is not known"),
        ("quality", XRAYS | {"least_layered": 2}, "quality: least_layered must be from 0 to 1"),
    ],
)
def test_what_is_wrong_with_them_is_named(card_file: Path, field: str, value: Any, said: str) -> None:
    with pytest.raises(CardError, match=said):
        ModelCard.load(changed(card_file, field, value))


def test_a_caveat_is_about_a_label_of_the_model(card_file: Path) -> None:
    assert ModelCard.load(card_file).caveats == {}
    label = ModelCard.load(card_file).labels[0]
    kept = ModelCard.load(changed(card_file, "caveats", {label: "Rests on few scans."}))
    assert kept.caveats == {label: "Rests on few scans."}
    with pytest.raises(CardError, match=r"caveats\.GLAUCOMA"):
        ModelCard.load(changed(card_file, "caveats", {"GLAUCOMA": "Never seen."}))
    with pytest.raises(CardError, match=f"caveats.{label}"):
        ModelCard.load(changed(card_file, "caveats", {label: ""}))


GROUPS = {"macular degeneration, stage open": ["AMD", "CNV", "DRUSEN"]}
RULES = [
    {"when": {"known": False}, "state": "not_answered", "because": "unfamiliar"},
    {"when": {"set": "several", "most": 2}, "state": "undecided", "because": "several"},
    {"when": {}, "state": "answered", "because": "one_label"},
]


def test_groups_rules_and_statistics_are_read_back(card_file: Path, tmp_path: Path) -> None:
    give_statistics(card_file.parent, nearest=["a healthy eye"])
    card = ModelCard.load(changed(changed(card_file, "groups", GROUPS), "rules", RULES))
    assert card.groups == {"macular degeneration, stage open": ("AMD", "CNV", "DRUSEN")}
    assert [rule.because for rule in card.rules] == ["unfamiliar", "several", "one_label"]
    assert card.statistics is not None and card.statistics.nearest == ("a healthy eye",)
    card.save(tmp_path / "copy.json")
    assert ModelCard.load(tmp_path / "copy.json") == card
    assert card.to_dict() == json.loads((tmp_path / "copy.json").read_text())


def test_a_card_of_an_earlier_version_names_none_of_them(card_file: Path) -> None:
    card = ModelCard.load(card_file)
    assert (card.groups, card.rules, card.statistics) == ({}, (), None)
    assert not {"groups", "rules", "statistics"} & json.loads(card_file.read_text()).keys()


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"one": ["AMD"]}, "groups.one must be at least two labels"),
        ({"twice": ["AMD", "AMD"]}, "groups.twice must be at least two labels, all different"),
        ({"other": ["AMD", "DR"]}, "groups.other.DR is about a label that the model doesn't know"),
        ({"a": ["AMD", "CNV"], "b": ["CNV", "MH"]}, "groups.b: CNV is in the group a, too"),
        ({" ": ["AMD", "CNV"]}, 'the name " " in groups must be a text'),
        ({"x" * 201: ["AMD", "CNV"]}, "in groups must be one line of up to 200 letters"),
        ([["AMD", "CNV"]], "groups must be a JSON object"),
    ],
)
def test_groups_that_cannot_be_used_are_refused(card_file: Path, groups: Any, told: str) -> None:
    with pytest.raises(CardError, match=told):
        ModelCard.load(changed(card_file, "groups", groups))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("sha256", "abc", "statistics.sha256 must be 64 hexadecimal digits"),
        ("method", "guess", "statistics.method must be one of: mahalanobis, neighbours, both"),
        ("known_from", 5, "statistics.known_from must be from 0 to 1"),
        ("sets", {"coverage": 0.9}, "field statistics.sets.least is missing"),
        (
            "sets",
            {"coverage": 0.9, "least": {"AMD": 0.1}},
            "statistics.sets.least.CNV is missing: every label",
        ),
        (
            "sets",
            {"coverage": 0.9, "least": dict.fromkeys(LABELS, 0.1) | {"DR": 0.1}},
            "statistics.sets.least.DR is about a label",
        ),
        ("calibrated_on", {"AMD": {"scans": 3}}, "field statistics.calibrated_on.AMD.real is missing"),
        (
            "calibrated_on",
            {"AMD": {"scans": 3, "real": "yes"}},
            "calibrated_on.AMD.real must be true or false",
        ),
        ("nearest", [1], r"statistics.nearest\[0\] must be a text"),
        ("nearest", ["a\nb"], r"statistics.nearest\[0\] must be one line"),
        ("more", 1, "field statistics.more is not known"),
        (
            "reference",
            {"octdl": {"patients": 0, "quantiles": {}}},
            "statistics.reference.octdl.patients must be a whole number, 1 or greater",
        ),
        (
            "reference",
            {"octdl": {"patients": 9, "quantiles": {"median": [3, 2]}}},
            "statistics.reference.octdl.quantiles.median must be ascending, and two numbers or more",
        ),
    ],
)
def test_a_part_about_statistics_that_cannot_be_used_is_refused(
    card_file: Path, field: str, value: Any, told: str
) -> None:
    give_statistics(card_file.parent)
    with pytest.raises(CardError, match=told):
        ModelCard.load(changed(card_file, f"statistics.{field}", value))


def test_rules_that_cannot_be_used_are_refused_by_file_and_field(card_file: Path) -> None:
    with pytest.raises(CardError, match=r"model\.json: rules\[1\]\.state must be one of"):
        ModelCard.load(changed(card_file, "rules", [RULES[0], RULES[1] | {"state": "unsure"}, RULES[2]]))
