"""The checkpoint: the state of a training after each epoch, from which it goes on when it was interrupted."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.data.manifest import Scan
from training.recipe import Recipe

CHECKPOINT_NAME = "checkpoint.pt"


class CheckpointError(Exception):
    """A checkpoint that can't be written, read or used; the message says what to do instead."""


def plan(recipe: Recipe, scans: Sequence[Scan]) -> dict[str, Any]:
    """What must stay the same for a training to go on: the keys of the recipe, and the scans with their splits."""
    digest = hashlib.sha256()
    for scan in scans:
        digest.update(f"{scan.path.name} {scan.label} {scan.split}\n".encode())
    return {**dataclasses.asdict(recipe), "scans": digest.hexdigest()}


def save(out: Path, plan: dict[str, Any], state: dict[str, Any]) -> None:
    """Replace the checkpoint in `out`, as a whole or not at all. Raises CheckpointError when it can't be written."""
    partial = out / f"{CHECKPOINT_NAME}.partial"
    try:
        torch.save({"plan": plan, "state": state}, partial)
        partial.replace(out / CHECKPOINT_NAME)
    except RuntimeError as error:  # which torch raises for a full disk
        raise CheckpointError(
            f"{partial} can't be written ({str(error).splitlines()[0]}); the disk may be full. "
            "What was saved before is kept: free some space and go on with --resume"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def load(out: Path, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The state in `out`, on the CPU; None when there is no checkpoint.

    Raises CheckpointError when it can't be read, or when its plan differs; the message names the first difference.
    """
    file = out / CHECKPOINT_NAME
    if not file.is_file():
        return None
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(f"{file} can't be read; start again with --overwrite") from error
    for key, value in plan.items():
        if content["plan"].get(key) != value:
            what = "the scans or their splits" if key == "scans" else f"{key} ({content['plan'].get(key)!r})"
            raise CheckpointError(
                f"the training in {out} was begun with other values: {what} differ; "
                "give the same, or start again with --overwrite"
            )
    state: dict[str, Any] = content["state"]
    return state


def remove(out: Path) -> None:
    """Delete the checkpoint of a training that has ended."""
    (out / CHECKPOINT_NAME).unlink(missing_ok=True)
