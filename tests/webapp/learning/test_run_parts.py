"""How far a run is, and the drawing of its epochs."""

from webapp.learning import curves, stages


def test_percent_follows_the_steps_and_within_the_training_the_epochs() -> None:
    steps = stages.waiting()
    assert stages.percent(steps) == 0
    steps = stages.noted(steps, "export", state=stages.DONE)
    steps = stages.noted(steps, "simulate", state=stages.LEFT_OUT)
    before = stages.percent(steps)
    training = stages.noted(steps, "train", state=stages.RUNNING)
    half = stages.percent(training, {"done": 3, "of": 6})
    assert before < half < stages.percent(stages.noted(steps, "train", state=stages.DONE))
    everything = [{**step, "state": stages.DONE} for step in steps]
    assert stages.percent(everything) == 100


def test_the_trainers_progress_becomes_that_of_the_run() -> None:
    steps = stages.with_progress(stages.waiting(), {"steps": {"train": {"state": "done", "best_epoch": 2}}})
    assert stages.is_done(steps, "train") and not stages.is_done(steps, "gate")
    assert next(step for step in steps if step["name"] == "train")["best_epoch"] == 2


def epoch(number: int, loss: float, score: float) -> dict[str, float]:
    return {
        "number": number,
        "training_loss": loss,
        "validation_loss": loss + 0.1,
        "validation_macro_f1": score,
        "validation_accuracy": score,
    }


def test_curves_stay_within_their_drawing_and_begin_with_one_epoch() -> None:
    assert curves.charts([]) == []
    (loss, score) = curves.charts([epoch(1, 0.7, 0.5)])
    assert [line.last for line in loss.lines] == ["0.700", "0.800"]
    many = curves.charts([epoch(number, 1 / number, 0.5) for number in range(1, 31)])
    for chart in many:
        assert len(chart.epochs) <= 6
        for line in chart.lines:
            assert all(chart.left <= x <= chart.right and 0 <= y <= chart.bottom for x, y in line.dots), (
                chart.title
            )
    assert score.ticks[0][1] == "0.55"
