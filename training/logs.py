"""The log of a training: a line and a report for each epoch, epochs.csv, and TensorBoard's curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from sklearn.metrics import classification_report
from torch.utils.tensorboard import SummaryWriter

from training.epochs import Epoch
from training.prediction import Outputs

EPOCHS_NAME = "epochs.csv"
REPORTS_NAME = "reports.txt"
TENSORBOARD_NAME = "tensorboard"


class TrainingLog:
    """Writes the log to the folder of a training; a new one appends to what an interrupted training has written."""

    def __init__(self, out: Path, labels: Sequence[str]) -> None:
        self._out, self._labels = out, list(labels)
        self._curves = SummaryWriter(str(out / TENSORBOARD_NAME))

    def __call__(self, epochs: Sequence[Epoch], outputs: Outputs) -> None:
        """Log the last epoch, with its outputs on the validation split."""
        epoch = epochs[-1]
        report = classification_report(
            outputs.targets,
            outputs.logits.argmax(1),
            labels=range(len(self._labels)),
            target_names=self._labels,
            digits=3,
            zero_division=0.0,
        )
        line = (
            f"epoch {epoch.number}: training loss {epoch.training_loss:.3f}, "
            f"accuracy {epoch.training_accuracy:.3f}; validation loss {epoch.validation_loss:.3f}, "
            f"accuracy {epoch.validation_accuracy:.3f}, macro F1 {epoch.validation_macro_f1:.3f} "
            f"({epoch.seconds:.0f} s, {epoch.scans_per_second:.0f} scans/s, "
            f"learning rate {epoch.learning_rate:.2g})"
        )
        print(f"{line}\n{report}", flush=True)
        self._append_report(epoch, f"{line}\n{report}\n")
        self._write_rows(epochs)
        for name, value in asdict(epoch).items():
            if name not in ("number", "seconds"):
                self._curves.add_scalar(name.replace("_", "/", 1), value, epoch.number)
        self._curves.flush()

    def close(self) -> None:
        """Close TensorBoard's file."""
        self._curves.close()

    def _append_report(self, epoch: Epoch, text: str) -> None:
        with (self._out / REPORTS_NAME).open("w" if epoch.number == 1 else "a", encoding="utf-8") as file:
            file.write(text)

    def _write_rows(self, epochs: Sequence[Epoch]) -> None:
        """Write all rows again: after a kill, the file may hold an epoch that the training repeats."""
        partial = self._out / f"{EPOCHS_NAME}.partial"
        with partial.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, [field.name for field in fields(Epoch)])
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in epochs)
        partial.replace(self._out / EPOCHS_NAME)
