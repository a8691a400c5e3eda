"""Networks that learn from a teacher."""

from dataclasses import replace
from pathlib import Path

import torch

from handlers.network import load_network
from tests.models import make_model
from training.recipe import load_recipe
from training.teacher import DistillationOutputs, Student, Teacher


def test_a_copy_of_its_teacher_starts_with_all_that_the_teacher_has(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    card, copy = load_network(folder)
    recipe = replace(
        load_recipe("published"),
        pretrained_file=str(folder / "weights.safetensors"),
        teacher=str(folder),
        teacher_weight=1.0,
        teacher_features=1.0,
    )
    teacher = Teacher(recipe, card.labels, torch.device("cpu"))
    images = torch.rand(2, 3, 64, 64)
    assert recipe.starts_as_teacher

    with torch.no_grad():
        student = Student(copy, teacher.network, is_copy=recipe.starts_as_teacher)
        logits, features = student(images)
        distance = teacher.loss(
            DistillationOutputs(logits, features),
            DistillationOutputs(*Student(teacher.network, teacher.network, is_copy=True)(images)),
        )

    assert abs(float(distance)) < 1e-5


def test_a_network_that_starts_elsewhere_is_no_copy_of_its_teacher(tmp_path: Path) -> None:
    recipe = replace(load_recipe("published"), teacher=str(tmp_path / "a"), teacher_weight=0.5)
    assert not recipe.starts_as_teacher
    assert not replace(recipe, pretrained_file=str(tmp_path / "b" / "weights.safetensors")).starts_as_teacher
