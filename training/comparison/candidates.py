"""Trains the models of a comparison one after the other with the command `train`, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handlers.card import CARD_NAME
from training.checkpoint import CHECKPOINT_NAME

CLI = Path(__file__).resolve().parents[2] / "cli.py"


@dataclass(frozen=True)
class Candidate:
    """A model folder to compare; `failure` says why it holds no model, and is empty if it does."""

    name: str
    folder: Path
    failure: str = ""


def train_all(
    architectures: Sequence[str], data: Sequence[Path], out: Path, options: Sequence[str]
) -> list[Candidate]:
    """Train each architecture into `out/ARCHITECTURE`, in order.

    Trained models are left as they are, an interrupted training goes on, and one that fails does not stop the others.
    As each has a process of its own, a crash or memory that is not freed doesn't affect the next.
    """
    return [_train(architecture, data, out / architecture, options) for architecture in architectures]


def _train(architecture: str, data: Sequence[Path], folder: Path, options: Sequence[str]) -> Candidate:
    interrupted = (folder / CHECKPOINT_NAME).is_file()
    if (folder / CARD_NAME).is_file() and not interrupted:
        print(f"{architecture}: trained before, in {folder}", flush=True)
        return Candidate(architecture, folder)
    words = [sys.executable, str(CLI), "train", "--data", *map(str, data), "--out", str(folder)]
    words += ["--arch", architecture, *options]
    if interrupted:
        words.append("--resume")
    print(f"{architecture}: training", flush=True)
    status = subprocess.run(words, check=False).returncode
    if status:
        return Candidate(
            architecture, folder, f"its training ended with status {status}; its message is above"
        )
    return Candidate(architecture, folder)
