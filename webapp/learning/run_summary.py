"""The texts and figures of a learning run: the same on the command line, in the administration and in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from webapp.learning import stages
from webapp.learning.run_document import LearningRun, RunState

FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "calibration_error": "calibration error",
    "pointing_game": "pointing game",
    "temperature": "temperature",
}


def heading(run: LearningRun) -> str:
    """The run, its state and its reason in a line."""
    made = f", {run.model_name} {run.version} from {run.from_version}" if run.version else ""
    return f"{run.name}: {run.says.lower()}, {run.percent} %{made} ({run.reason})"


def lines(run: LearningRun) -> Iterator[str]:
    """All about a run, as lines for a terminal."""
    yield heading(run)
    for words, state, said in steps(run):
        yield f"  {state:<9} {words}" + (f": {said}" if said else "")
    for problem in (run.problem, run.tracking.get("problem", "")):
        if problem:
            yield problem
    yield next_step(run)


def steps(run: LearningRun) -> list[tuple[str, str, str]]:
    """Each step: what it does, its state, and what came of it."""
    by_name = {step["name"]: step for step in run.steps}
    return [
        (stage.words, by_name[stage.name]["state"], said_of(by_name[stage.name]))
        for stage in stages.STAGES
        if stage.name in by_name
    ]


def said_of(step: dict[str, Any]) -> str:
    """What came of a step, in words."""
    return str(step.get("left_out") or step.get("note") or "")


def next_step(run: LearningRun) -> str:
    """What to do now, as a sentence."""
    if run.is_silent:
        return "It was interrupted. ./retinote learn run --resume goes on with it, ./retinote learn stop gives it up."
    if run.state == RunState.DONE:
        name = f"{run.model_name} {run.version}"
        if run.gate.get("passed"):
            return (
                f"The gate let it pass. Try it beside the version that answers: ./retinote models register {name}, then "
                f"./retinote models shadow {name}"
            )
        return f"The gate did not let it pass: ./retinote models gate {name} says why. What answers stays as it is."
    if run.state in (RunState.STOPPED, RunState.FAILED):
        return "What it has done is kept: ./retinote learn run --resume goes on with it."
    if run.state == RunState.WAITING:
        return "It waits for the trainer, a process of its own: RETINOTE_LEARNING=1 ./retinote up starts one."
    return "./retinote learn stop stops it; what it has done is kept."


def stopped(run: LearningRun) -> str:
    """A sentence on a run that was told to stop."""
    if run.state == RunState.STOPPING:
        return f"The learning run {run.name} stops within seconds; what it has done is kept."
    return f"The learning run {run.name} is stopped. ./retinote learn run --resume goes on with it."


def figures(run: LearningRun) -> list[tuple[str, str, str]]:
    """The figures of all steps: step, name, value."""
    return [
        (stage.name, words, f"{step[name]:.3f}")
        for stage in stages.STAGES
        for step in run.steps
        if step["name"] == stage.name
        for name, words in FIGURES.items()
        if isinstance(step.get(name), int | float)
    ]


def tracked_figures(steps: list[dict[str, Any]]) -> dict[str, float]:
    """The figures of all steps by a name such as `evaluate_macro_f1`."""
    return {
        f"{step['name']}_{name}": float(value)
        for step in steps
        for name, value in step.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in ("started", "ended")
    }


def gate_summary(found: dict[str, Any]) -> dict[str, Any]:
    """What of the gate's result stands on the page: each check in a line, and its hashes."""
    keys = (
        "name",
        "set",
        "group",
        "candidate",
        "champion",
        "difference",
        "interval",
        "margin",
        "passed",
        "reason",
    )
    return {
        "better": bool(found.get("better")),
        "sha256": str(found.get("sha256", "")),
        "made": str(found.get("made", "")),
        "checks": [{key: check.get(key) for key in keys} for check in found.get("checks", [])],
    }
