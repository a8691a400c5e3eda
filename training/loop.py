"""The training loop: epochs, validation, early stopping, and the best epoch."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.metrics import f1_score
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from handlers.card import InputSpec
from handlers.preprocessing import normalise, normalise_unit
from training import checkpoint
from training.augmentation import Augmentation
from training.batches import OUTLIER, Example
from training.epochs import Epoch, Fit, Report
from training.losses import label_loss
from training.optimization import LearningRate, make_optimizer
from training.prediction import Outputs
from training.recipe import Recipe
from training.teacher import DistillationOutputs, Student, Teacher, refuse_without_map

STEPS_BETWEEN_CHECKS = 10
"""Reading the loss waits for the device, so it is read only after so many steps."""


class TrainingError(Exception):
    """A training that can't go on; the message says where and what to change."""


class Training:
    """One training of a network under a recipe."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        labels: Sequence[str],
        spec: InputSpec,
        training: DataLoader[Example],
        validation: DataLoader[Example],
        accelerator: Accelerator,
    ) -> None:
        self._recipe, self._spec, self._accelerator = recipe, spec, accelerator
        network.to(memory_format=torch.channels_last)
        # Before Accelerate wraps the network, so that the average is of the network alone.
        self._average = (
            ModelEmaV3(network, decay=recipe.ema_decay, use_warmup=True, device=accelerator.device)
            if recipe.ema_decay
            else None
        )
        self._teacher = Teacher(recipe, labels, accelerator.device) if recipe.teachers else None
        if self._teacher is not None:
            if recipe.teacher_features:
                refuse_without_map(network.to(accelerator.device), recipe.size)
                refuse_without_map(self._teacher.network, self._teacher.size)
            projects = bool(recipe.teacher_features) and not recipe.starts_as_teacher
            network = Student(network, self._teacher.network, projects=projects)
        optimizer = make_optimizer(network, recipe)
        self._rate = LearningRate(optimizer, recipe, len(training))
        self._network, self._optimizer, self._training, self._validation = accelerator.prepare(
            network, optimizer, training, validation
        )
        self._steps = 0
        self._epochs: list[Epoch] = []
        self._best: Epoch | None = None
        self._best_weights: dict[str, torch.Tensor] = {}
        self._best_outputs: Outputs | None = None

    def run(self, out: Path, plan: dict[str, Any], report: Report | None) -> Fit:
        """Train to the end, from the checkpoint in `out` if there is one; the network gets the best epoch's weights.

        `report` is called after each epoch in the main process. The best epoch is the first with the highest score.
        Early stopping and plateaus count from the first epoch at full size. Raises TrainingError when the loss is no
        number, CheckpointError when the checkpoint can't be used.
        """
        state = checkpoint.load(out, plan)
        if state is not None:
            self._load_state_dict(state)
        while not self._ended():
            epoch, outputs = self._epoch(len(self._epochs) + 1)
            self._epochs.append(epoch)
            if epoch.number > self._recipe.first_epochs:
                self._rate.after_epoch(self._score(epoch))
            if self._best is None or self._score(epoch) > self._score(self._best):
                self._best, self._best_outputs = epoch, outputs
                self._best_weights = copy.deepcopy(self._evaluated().state_dict())
            if self._accelerator.is_main_process:
                # Before the checkpoint: an epoch that is killed between the two is trained and reported again.
                if report is not None:
                    report(self._epochs, outputs)
                checkpoint.save(out, plan, self._state_dict())
            self._accelerator.wait_for_everyone()
        assert self._best is not None and self._best_outputs is not None  # a recipe has at least one epoch
        self._bare().load_state_dict(self._best_weights)
        return Fit(self._epochs, self._best, self._best_outputs)

    def _score(self, epoch: Epoch) -> float:
        return epoch.validation_macro_f1 if self._recipe.best_by == "macro_f1" else epoch.validation_accuracy

    def _ended(self) -> bool:
        if self._best is None:
            return False
        done = len(self._epochs)
        without_better = done - max(self._best.number, self._recipe.first_epochs)
        return done >= self._recipe.epochs or without_better >= self._recipe.patience

    def _evaluated(self) -> nn.Module:
        """The network that is validated and kept: the moving average, if there is one."""
        if self._average is not None:
            module: nn.Module = self._average.module
            return module
        return self._bare()

    def _bare(self) -> nn.Module:
        """The network without the wrappers of Accelerate and distillation."""
        network: nn.Module = self._accelerator.unwrap_model(self._network)
        return network.network if isinstance(network, Student) else network

    def _epoch(self, number: int) -> tuple[Epoch, Outputs]:
        recipe, started = self._recipe, time.monotonic()
        # Scans, augmentation and stochastic depth depend only on the seed and the number of the epoch.
        set_seed(recipe.seed * 1_000_003 + number, device_specific=True)
        loss, accuracy, seen = self._train(number)
        trained, rate = time.monotonic() - started, self._rate.now
        outputs = self._validate()
        targets, predicted = outputs.targets, outputs.logits.argmax(1)
        return (
            Epoch(
                number=number,
                training_loss=loss,
                training_accuracy=accuracy,
                validation_loss=functional.cross_entropy(outputs.logits, targets).item(),
                validation_accuracy=(predicted == targets).float().mean().item(),
                validation_macro_f1=float(
                    f1_score(
                        targets,
                        predicted,
                        labels=sorted(set(targets.tolist())),
                        average="macro",
                        zero_division=0.0,
                    )
                ),
                learning_rate=rate,
                seconds=time.monotonic() - started,
                scans_per_second=seen / trained,
            ),
            outputs,
        )

    def _train(self, number: int) -> tuple[float, float, int]:
        """One epoch's steps; the mean loss, the accuracy and the count of scans over all processes."""
        recipe = self._recipe
        small = number <= recipe.first_epochs
        augment = Augmentation(recipe, recipe.first_size if small else recipe.size)
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        self._network.train()
        self._training.set_epoch(number)
        sums = torch.zeros(4, device=self._accelerator.device)  # loss, right, scans with a label, scans
        with self._bar(f"epoch {number}/{recipe.epochs}", "step", len(self._training)) as progress:
            for step, (pixels, targets) in enumerate(self._training, 1):
                images, plain = augment.views(pixels, generator)
                for_teacher = plain if recipe.teacher_sees == "plain" else images
                loss, logits = self._step(images, for_teacher, targets)
                right = (logits.argmax(1) == targets).sum()
                labelled = (targets != OUTLIER).sum()
                sums += torch.stack(
                    [loss * len(targets), right, labelled, torch.full_like(right, len(targets))]
                )
                progress.update()
                if step % STEPS_BETWEEN_CHECKS == 0 or step == len(self._training):
                    self._check_loss(sums, number, step, progress)
        sums = self._accelerator.reduce(sums)
        loss_sum, right_sum, labelled_sum, seen = sums.tolist()
        return loss_sum / seen, right_sum / max(labelled_sum, 1), int(seen)

    def _step(
        self, images: torch.Tensor, for_teacher: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once; returns the loss and the logits. The teacher sees `for_teacher`."""
        inputs = normalise_unit(images, self._spec).contiguous(memory_format=torch.channels_last)
        outputs = self._network(inputs)
        logits = outputs if self._teacher is None else outputs[0]
        loss = label_loss(logits, targets, self._recipe.label_smoothing)
        if self._teacher is not None:
            with self._accelerator.autocast():
                of_teacher = self._teacher.outputs(for_teacher)
            share = self._recipe.teacher_weight
            # The teacher doesn't know what has none of the labels.
            known = targets != OUTLIER
            if known.any():
                of_student = DistillationOutputs(*outputs)
                distilled = self._teacher.loss(of_student.select(known), of_teacher.select(known))
                loss = (1 - share) * loss + share * distilled
        self._optimizer.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        if self._recipe.clip_gradient:
            self._accelerator.clip_grad_norm_(self._network.parameters(), self._recipe.clip_gradient)
        self._optimizer.step()
        self._rate.after_step()
        self._steps += 1
        if self._average is not None:
            self._average.update(self._bare(), step=self._steps)
        return loss.detach(), logits.detach()

    def _check_loss(self, sums: torch.Tensor, number: int, step: int, progress: Any) -> None:
        """Show loss and accuracy so far. Raises TrainingError when the loss is no number."""
        loss, right, labelled, seen = sums.tolist()
        if not torch.isfinite(sums[0]):
            raise TrainingError(
                f"the loss is no number any more (epoch {number}, step {step} of {len(self._training)}); "
                f"try a lower --learning-rate than {self._recipe.learning_rate:g}, --clip-gradient 1 "
                "or --precision fp32"
            )
        progress.set_postfix(
            loss=f"{loss / seen:.3f}", accuracy=f"{right / max(labelled, 1):.3f}", refresh=False
        )

    @torch.no_grad()
    def _validate(self) -> Outputs:
        """Every scan of the validation split once, over all processes."""
        network = self._evaluated().eval()
        logits, targets = [], []
        with self._bar("validating", "batch", len(self._validation)) as progress:
            for pixels, batch_targets in self._validation:
                inputs = normalise(pixels, self._spec).contiguous(memory_format=torch.channels_last)
                with self._accelerator.autocast():
                    outputs = network(inputs)
                gathered = self._accelerator.gather_for_metrics((outputs.float(), batch_targets))
                logits.append(gathered[0].cpu())
                targets.append(gathered[1].cpu())
                progress.update()
        return Outputs(torch.cat(logits), torch.cat(targets))

    def _bar(self, what: str, unit: str, total: int) -> tqdm:
        """A progress bar of the main process; there is none without a terminal."""
        disable = None if self._accelerator.is_main_process else True
        return tqdm(total=total, desc=what, unit=unit, leave=False, disable=disable)

    def _state_dict(self) -> dict[str, Any]:
        assert self._best is not None and self._best_outputs is not None
        scaler = self._accelerator.scaler
        return {
            "network": self._accelerator.unwrap_model(self._network).state_dict(),
            "average": self._average.module.state_dict() if self._average is not None else None,
            "optimizer": self._optimizer.state_dict(),
            "rate": self._rate.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "steps": self._steps,
            "epochs": [asdict(epoch) for epoch in self._epochs],
            "best": asdict(self._best),
            "best_weights": self._best_weights,
            "best_outputs": [self._best_outputs.logits, self._best_outputs.targets],
        }

    def _load_state_dict(self, state: dict[str, Any]) -> None:
        self._accelerator.unwrap_model(self._network).load_state_dict(state["network"])
        if self._average is not None:
            self._average.module.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rate.load_state_dict(state["rate"])
        if self._accelerator.scaler is not None and state["scaler"] is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        self._steps = state["steps"]
        self._epochs = [Epoch(**values) for values in state["epochs"]]
        self._best = Epoch(**state["best"])
        self._best_weights = state["best_weights"]
        self._best_outputs = Outputs(*state["best_outputs"])
