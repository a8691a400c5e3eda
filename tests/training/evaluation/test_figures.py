"""The figures that go into a model card, against values worked out by hand."""

import pytest
import torch

from training.evaluation.calibration import calibration_error, fit_temperature
from training.evaluation.figures import figures
from training.prediction import Outputs


def test_figures_of_a_known_confusion() -> None:
    # Targets A A A B; the network says A A B B.
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    result = figures(Outputs(logits, torch.tensor([0, 0, 0, 1])), ["A", "B"], temperature=1.0)
    assert result["accuracy"] == 0.75
    assert result["confusion_matrix"] == [[2, 1], [0, 1]]
    assert result["labels"]["A"] == {"precision": 1.0, "recall": 0.6667, "f1": 0.8, "scans": 3}
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = torch.tensor([[0.9, 0.1]] * 10)
    targets = torch.tensor([0] * 6 + [1] * 4)  # right 6 times of 10 at a confidence of 0.9
    assert calibration_error(sure, targets) == pytest.approx(0.3, abs=1e-5)


def test_the_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=generator)
    targets = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(Outputs(logits * 3, targets)) == pytest.approx(3, rel=0.15)
