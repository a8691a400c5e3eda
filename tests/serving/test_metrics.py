"""What Prometheus reads of the model server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from serving.model_metrics import read_metrics
from tests.images import png_bytes
from tests.serving.conftest import FIRST, MODEL, Trial
from tests.waiting import wait_for

# The run's model server counts what all tests ask it at the same time.
pytestmark = pytest.mark.xdist_group("trial")


def samples(trial: Trial, name: str) -> dict[tuple[str, ...], float]:
    """A metric's values by version and its other words, as a scrape has them now."""
    text = read_metrics(trial.server.metrics_socket).decode()
    return {
        (sample.labels["model_version"], *_words(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def _words(labels: dict[str, str]) -> Iterator[str]:
    yield from (labels[name] for name in ("label", "code", "step", "state", "known") if name in labels)


def test_direct_calls_are_counted_by_label_state_and_version(both_served: Trial) -> None:
    headers = both_served.inference_key().headers() | {"Content-Type": "image/png"}
    url = f"{both_served.server.inference_url}/predictions/{MODEL}"

    def counted(name: str, *words: str) -> float:
        return samples(both_served, name).get((FIRST, *words), 0)

    answer = requests.post(url, png_bytes(), headers=headers, timeout=60).json()
    label, state, known = answer["prediction"]["label"], answer["state"], str(answer["known"]).lower()
    wait_for(lambda: counted("retinote_model_predictions_total", label), what="the first prediction")
    steps = "retinote_model_step_duration_seconds_count"
    answers, familiarity = "retinote_model_answers_total", "retinote_model_familiarity_count"

    def of_answers() -> tuple[float, ...]:
        return (
            counted("retinote_model_predictions_total", label),
            counted(steps, "forward"),
            counted(answers, state, known),
            counted(familiarity),
        )

    before = of_answers()
    refused = counted("retinote_model_refusals_total", "unreadable_image")
    # With a version in the address and without: TorchServe's own metrics call the second "default".
    for path in (url, f"{url}/{FIRST}"):
        assert requests.post(path, png_bytes(), headers=headers, timeout=60).ok
    assert requests.post(url, b"not an image", headers=headers, timeout=60).status_code == 400
    # TorchServe reads them from the worker's output, a moment after the answer.
    wait_for(
        lambda: counted("retinote_model_refusals_total", "unreadable_image") == refused + 1,
        what="the refused image",
    )
    assert of_answers() == tuple(count + 2 for count in before)
