"""All counters, gauges and histograms.

Labels have few values, all of them our own words (routes, codes, labels of the model): no user, no patient, nothing
that a caller can make up. `folder.py` says how several processes count together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from webapp.recommendations.answers import Answer

disable_created_metrics()  # type: ignore[no-untyped-call]

REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TASK_BUCKETS_S = (0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0)
CONFIDENCE_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
HEAD_OF_SENTENCE = re.compile(r"[^.:;]*")
"""A sentence about an image begins with what is wrong and may go on with numbers."""
LONGEST_REASON = 60
UNKNOWN = "unknown"
"""The state of an answer of an earlier handler, which gave none."""

REQUESTS = Counter(
    "retinote_http_requests_total", "Requests that were answered.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "retinote_http_request_duration_seconds",
    "Time until an answer begins.",
    ["method", "route"],
    buckets=REQUEST_BUCKETS_S,
)
IN_PROGRESS = Gauge(
    "retinote_http_requests_in_progress", "Requests being answered.", multiprocess_mode="livesum"
)
ERRORS = Counter("retinote_errors_total", "Answers that are errors, by their code.", ["code"])
UPLOADS = Counter(
    "retinote_uploads_total", "Uploads: predicted, queued, failed, duplicate or refused.", ["outcome"]
)
PREDICTIONS = Counter(
    "retinote_predictions_total",
    "Stored predictions: with a label where the model has answered with one, with a reason where it has not.",
    ["label", "state", "because", "model_name", "model_version"],
)
CONFIDENCE = Histogram(
    "retinote_prediction_confidence_ratio",
    "Probability of the label, where the model has answered with one.",
    ["model_name", "model_version"],
    buckets=CONFIDENCE_BUCKETS,
)
QUALITY_REASONS = Counter(
    "retinote_image_quality_reasons_total", "Why predicted images are not fit to be judged.", ["reason"]
)
REVIEWS = Counter(
    "retinote_reviews_total",
    "Verdicts of readers on what the model says: agree, disagree or unsure.",
    ["verdict", "model_name", "model_version"],
)
DRIFT_ALARMS = Counter(
    "retinote_drift_alarms_total",
    "Times that the scans of a clinic and device began to differ, from before or from home scans.",
    ["against"],
)
SIGN_IN_FAILURES = Counter("retinote_sign_in_failures_total", "Sign-ins that were refused.")
SERVICE_KEY_CALLS = Counter(
    "retinote_service_key_calls_total",
    "Calls with a service key: allowed, limited, expired, revoked or unknown.",
    ["service", "outcome"],
)
TASKS = Counter("retinote_tasks_total", "Tasks of the worker that have ended.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "retinote_task_duration_seconds", "How long a task took.", ["task"], buckets=TASK_BUCKETS_S
)


def count_prediction(
    answer: Answer, confidence: float, model_name: str, model_version: str, reasons: Iterable[str]
) -> None:
    """Count one stored prediction; `reasons` are the sentences of its image's quality."""
    label = answer.label if answer.names_label else ""
    PREDICTIONS.labels(label, answer.state or UNKNOWN, answer.because, model_name, model_version).inc()
    if answer.names_label:
        CONFIDENCE.labels(model_name, model_version).observe(confidence)
    for reason in reasons:
        QUALITY_REASONS.labels(_head(reason)).inc()


def _head(reason: str) -> str:
    found = HEAD_OF_SENTENCE.match(reason)
    return found[0].strip()[:LONGEST_REASON] if found else ""
