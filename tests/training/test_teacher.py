"""Networks that learn from a teacher."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handlers.card import CARD_NAME, ModelCard
from handlers.network import build_network, fit_to, load_network
from tests.models import make_model
from training.recipe import Recipe, RecipeError, load_recipe
from training.teacher import DistillationOutputs, Student, Teacher, feature_map, refuse_without_map


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
        student = Student(copy, teacher.network, projects=not recipe.starts_as_teacher)
        logits, features = student(images)
        distance = teacher.loss(
            DistillationOutputs(logits, features),
            DistillationOutputs(*Student(teacher.network, teacher.network, projects=False)(images)),
        )

    assert abs(float(distance)) < 1e-5


def test_a_network_that_starts_elsewhere_is_no_copy_of_its_teacher(tmp_path: Path) -> None:
    recipe = replace(load_recipe("published"), teacher=str(tmp_path / "a"), teacher_weight=0.5)
    assert not recipe.starts_as_teacher
    assert not replace(recipe, pretrained_file=str(tmp_path / "b" / "weights.safetensors")).starts_as_teacher


def taught_by(*folders: Path) -> Recipe:
    """Learns from the probabilities of these models alone."""
    return replace(
        load_recipe("published"),
        teacher=",".join(map(str, folders)),
        teacher_weight=1.0,
        teacher_temperature=2.0,
    )


def test_several_teachers_are_heard_as_their_mean(tmp_path: Path) -> None:
    folders = [make_model(tmp_path, version=f"{number}.0.0", seed=number) for number in (1, 2)]
    images = torch.rand(3, 3, 64, 64)
    labels = load_network(folders[0])[0].labels

    alone = [Teacher(taught_by(folder), labels, torch.device("cpu")).outputs(images) for folder in folders]
    together = Teacher(taught_by(*folders), labels, torch.device("cpu")).outputs(images)

    mean = sum((output.logits / 2).softmax(1) for output in alone) / 2
    assert torch.allclose((together.logits / 2).softmax(1), torch.as_tensor(mean), atol=1e-6)
    assert torch.equal(together.features, alone[0].features)


def test_a_teacher_with_other_labels_is_named(tmp_path: Path) -> None:
    one, other = (make_model(tmp_path, version=f"{number}.0.0", seed=number) for number in (1, 2))
    card = ModelCard.load(other / CARD_NAME)
    replace(card, labels=("OTHER", *card.labels[1:])).save(other / CARD_NAME)
    with pytest.raises(RecipeError, match=r"the teacher .*2\.0\.0 knows the labels OTHER"):
        Teacher(taught_by(one, other), load_network(one)[0].labels, torch.device("cpu"))


def test_a_vision_transformer_teaches_scans_of_another_size_than_its_own(tmp_path: Path) -> None:
    """Its input has a fixed size, and the map of its patches has another one than the learner's."""
    folder = make_model(tmp_path, architecture="vit_tiny_patch16_224")
    card, _ = load_network(folder)
    teacher = Teacher(replace(taught_by(folder), teacher_features=1.0), card.labels, torch.device("cpu"))

    outputs = teacher.outputs(torch.rand(2, 3, 96, 96))
    _, features = Student(build_network("convnext_atto", 3), teacher.network, projects=True)(
        torch.rand(2, 3, 96, 96)
    )

    assert outputs.logits.shape == (2, len(card.labels))
    assert outputs.features.shape == (2, 192, 14, 14) and features.shape == (2, 192, 3, 3)
    assert teacher.loss(DistillationOutputs(torch.randn_like(outputs.logits), features), outputs) > 0


def test_patches_of_a_vision_transformer_lie_in_its_map_where_they_lie_in_the_scan() -> None:
    network = build_network("vit_tiny_patch16_224", 3)
    fit_to(network, 64)
    tokens = torch.arange(17 * 192.0).reshape(1, 17, 192)  # the class token, then four rows of four patches

    features = feature_map(network, tokens)

    assert features.shape == (1, 192, 4, 4)
    assert torch.equal(features[0, :, 2, 1], tokens[0, 1 + 2 * 4 + 1])


def test_a_map_with_its_channels_last_gets_them_in_front() -> None:
    network = build_network("swin_tiny_patch4_window7_224", 3)
    rows_and_columns = torch.rand(1, 7, 7, 768)
    assert torch.equal(feature_map(network, rows_and_columns)[0, :, 2, 5], rows_and_columns[0, 2, 5])


def test_a_single_token_is_no_map() -> None:
    refuse_without_map(build_network("vit_tiny_patch16_224", 3), 224)
    with pytest.raises(RecipeError, match="PoolingVisionTransformer has no feature map"):
        refuse_without_map(build_network("pit_ti_224", 3), 224)
