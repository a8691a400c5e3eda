"""Groups of labels, as a file has them."""

from pathlib import Path

import pytest

from handlers.card import CardError
from training.data.manifest import DataError
from training.groups import DEFAULT_GROUPS, group_of, read_groups


def test_a_model_gets_the_groups_of_which_it_knows_two_labels() -> None:
    assert read_groups(DEFAULT_GROUPS, ["CNV", "AMD", "DME", "NORMAL"]) == {
        "macular degeneration, stage open": ("AMD", "CNV")
    }


def test_a_label_of_no_group_stands_for_itself() -> None:
    groups = {"fluid": ("CSR", "DME")}
    assert group_of(groups, "CSR") == group_of(groups, "DME") == "fluid"
    assert group_of(groups, "MH") == "MH"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"a" = ["DR", "DME"]\n"b" = ["DR", "CSR"]', "DR is in 'a' and again in 'b'"),
        ('"a" = "DR"', "must be a list of labels"),
        ('"a" = [', "not valid TOML"),
    ],
)
def test_what_is_no_file_of_groups_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "groups.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=said):
        read_groups(file, ["DR", "DME", "CSR"])


def test_a_file_that_is_missing_or_names_no_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        read_groups(tmp_path / "none.toml", ["DR"])
    (tmp_path / "groups.toml").write_text('"a" = ["=1", "DR"]')
    with pytest.raises((DataError, CardError), match="can't be a label"):
        read_groups(tmp_path / "groups.toml", ["DR"])
