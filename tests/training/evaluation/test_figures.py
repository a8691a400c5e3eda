"""The metrics of an evaluation, against values worked out by hand."""

import json

import pytest
import torch

from training.evaluation.bootstrap import intervals
from training.evaluation.calibration import calibration_error, fit_temperature, reliability
from training.evaluation.figures import by_source, figures, merged, sensitivities
from training.prediction import Outputs

# Targets A A A B; the network says A A B B.
KNOWN = Outputs(torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]]), torch.tensor([0, 0, 0, 1]))


def sure(said: list[int], true: list[int], labels: int) -> Outputs:
    return Outputs(torch.eye(labels)[said] * 4, torch.tensor(true))


def test_metrics_of_a_known_confusion_matrix() -> None:
    result = figures(KNOWN, ["A", "B"], temperature=1.0)
    assert result["accuracy"] == 0.75
    assert result["confusion_matrix"] == [[2, 1], [0, 1]]
    row = result["labels"]["A"]
    assert (row["precision"], row["recall"], row["f1"], row["scans"]) == (1.0, 0.6667, 0.8, 3)
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)
    assert row["roc_auc"] == pytest.approx(5 / 6, abs=1e-4)
    # Three are right with 0.8808, one is wrong with it; the sum over both labels, which others give, is twice that.
    assert result["brier"] == pytest.approx((3 * 0.1192**2 + 0.8808**2) / 4, abs=1e-4)


def test_a_label_that_no_scan_has_gives_null_and_stays_out_of_the_means() -> None:
    result = figures(sure([0, 1, 2], [0, 1, 1], 3), ["A", "B", "C"], temperature=1.0)
    assert result["labels"]["C"]["f1"] is None and result["labels"]["C"]["roc_auc"] is None
    assert result["macro_f1"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    json.dumps(result, allow_nan=False)


def test_one_scan_can_be_evaluated() -> None:
    result = figures(sure([0], [0], 2), ["A", "B"], temperature=1.0)
    assert result["accuracy"] == 1 and result["macro_roc_auc"] is None
    json.dumps(result, allow_nan=False)


def test_a_source_is_compared_with_what_knowing_it_gives() -> None:
    outputs = sure([0, 0, 0, 1], [0, 0, 1, 1], 2)
    rows = by_source(outputs, ["A", "B"], 1.0, ["here", "here", "here", "there"])
    assert rows["here"]["accuracy"] == rows["here"]["source_alone"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["there"]["scans"] == 1


def test_merged_labels_are_not_mistaken_for_each_other() -> None:
    outputs = sure([1, 0, 2], [0, 0, 2], 3)
    assert figures(outputs, ["A", "B", "C"], 1.0)["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert merged(outputs, ["A", "B", "C"], ["A", "B"])["accuracy"] == 1


def test_sensitivity_is_told_at_a_specificity() -> None:
    # One of ten others is as suspect as the second diseased scan.
    scores = torch.tensor([0.9, 0.6, 0.3] + [0.6] + [0.1] * 9)
    logits = torch.stack([scores.log(), (1 - scores).log()], 1)
    outputs = Outputs(logits, torch.tensor([0] * 3 + [1] * 10))
    rows = sensitivities(outputs, ["CNV", "OTHER"], 1.0, ["CNV"])
    assert rows["CNV"] == {"0.90": 1.0, "0.95": pytest.approx(1 / 3, abs=1e-4)}


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure_of = torch.tensor([[0.9, 0.1]] * 10)
    targets = torch.tensor([0] * 6 + [1] * 4)  # right 6 times of 10 at a confidence of 0.9
    assert calibration_error(sure_of, targets) == pytest.approx(0.3, abs=1e-5)
    assert reliability(sure_of, targets) == [{"scans": 10, "confidence": 0.9, "accuracy": 0.6}]


def test_the_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=generator)
    targets = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(Outputs(logits * 3, targets)) == pytest.approx(3, rel=0.15)


def test_intervals_hold_the_metric_and_repeat_with_the_seed() -> None:
    generator = torch.Generator().manual_seed(1)
    outputs = Outputs(torch.randn(60, 3, generator=generator), torch.arange(60) % 3)
    patients = [f"p{number // 2}" for number in range(60)]
    first, again = (intervals(outputs, ["A", "B", "C"], 1.0, patients, 60, seed=2) for _ in range(2))
    assert first == again
    low, high = first["accuracy"]
    assert low < figures(outputs, ["A", "B", "C"], 1.0)["accuracy"] < high
    assert first["patients"] == 30


def test_many_scans_of_few_patients_say_less_than_many_patients() -> None:
    # Each patient's scans are all right or all wrong.
    outputs = sure([0] * 20 + [1] * 20, [0] * 10 + [1] * 10 + [0] * 10 + [1] * 10, 2)
    own = intervals(outputs, ["A", "B"], 1.0, [f"p{number}" for number in range(40)], 200, seed=0)
    shared = intervals(outputs, ["A", "B"], 1.0, [f"p{number // 10}" for number in range(40)], 200, seed=0)

    def width(result: dict[str, list[float]]) -> float:
        return result["accuracy"][1] - result["accuracy"][0]

    assert width(shared) > 1.5 * width(own)


def test_a_single_patient_gives_no_interval() -> None:
    assert intervals(KNOWN, ["A", "B"], 1.0, ["p"] * 4, 50, seed=0)["accuracy"] is None
