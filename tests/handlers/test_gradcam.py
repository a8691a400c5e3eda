"""Grad-CAM, held to pytorch-grad-cam."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handlers.gradcam import AutogradGradCam, ClosedFormGradCam, grad_cam
from handlers.network import NetworkError, build_network, classifier, pooled_channels

LABEL_COUNT = 6


def network_with_character(architecture: str, seed: int = 0) -> nn.Module:
    """Random weights for which the norms before the classifier matter: fresh ones have gamma 1 and beta 0."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(architecture, LABEL_COUNT)
        with torch.no_grad():
            for name, values in network.named_parameters():
                if name.endswith("gamma"):
                    values.uniform_(0.5, 1.5)
                elif name.startswith("head.norm"):
                    values.normal_(1 if name.endswith("weight") else 0, 0.5)
                elif name.startswith("head.fc"):
                    values.normal_(0, 0.5)
    return network.eval()


def images(count: int, size: int = 224) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(7))


def reference(
    network: nn.Module, layer: nn.Module, image: torch.Tensor, label: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The map of one image by pytorch-grad-cam: raw (rows, columns), and finished (size, size) from 0 to 1."""
    # Seconds of importing, for who runs no test of this file, too.
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    class Reference(GradCAM):  # type: ignore[misc]
        """Keeps the map that it has before scaling it to the image's size."""

        def get_cam_image(self, *arguments: Any, **options: Any) -> Any:
            self.before_scaling = np.maximum(super().get_cam_image(*arguments, **options), 0)
            return self.before_scaling

    with Reference(network, [layer]) as cam:
        finished = cam(image[None], [ClassifierOutputTarget(label)])
        return cam.before_scaling[0], finished[0]


@pytest.mark.parametrize("architecture", ["convnext_atto", "convnext_tiny", "convnext_base"])
def test_the_closed_form_agrees_with_pytorch_grad_cam(architecture: str) -> None:
    network = network_with_character(architecture)
    explainer = grad_cam(network)
    assert isinstance(explainer, ClosedFormGradCam)
    batch = images(2, size=96)
    items, labels = [0, 0, 1], [0, 3, 5]
    maps = explainer.explain(explainer.forward(batch), items, labels)
    for item, label, found in zip(items, labels, maps, strict=True):
        expected, _ = reference(network, network.stages[-1], batch[item], label)  # type: ignore[index,arg-type]
        assert expected.max() > 0.1
        assert np.abs(found - expected).max() <= 1e-4
        assert np.abs(found - expected).max() <= 1e-4 * expected.max()


def test_the_heat_agrees_with_pytorch_grad_cam_to_the_end() -> None:
    from handlers.heatmap import heat

    network = network_with_character("convnext_atto")
    explainer = grad_cam(network)
    batch = images(1)
    found = heat(explainer.explain(explainer.forward(batch), [0], [2])[0], 224, 224) / 255
    _, expected = reference(network, network.stages[-1], batch[0], 2)  # type: ignore[index,arg-type]
    # It stretches once more after enlarging, by which its hottest spot, between two pixels, becomes 1.
    assert np.abs(found / found.max() - expected).max() <= 0.01


def test_logits_are_those_of_the_plain_network() -> None:
    network = network_with_character("convnext_atto")
    batch = images(3)
    with torch.inference_mode():
        expected = network(batch)
    assert torch.allclose(grad_cam(network).forward(batch).logits, expected, atol=1e-6)


def test_a_map_does_not_depend_on_the_neighbours() -> None:
    explainer = grad_cam(network_with_character("convnext_atto"))
    batch = images(4)
    together = explainer.explain(explainer.forward(batch), [2], [4])
    alone = explainer.explain(explainer.forward(batch[2:3]), [0], [4])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("architecture", ["resnet18", "swin_tiny_patch4_window7_224"])
def test_other_architectures_are_explained_by_pytorch_grad_cam(architecture: str) -> None:
    explainer = grad_cam(network_with_character(architecture))
    assert isinstance(explainer, AutogradGradCam)
    maps = explainer.explain(explainer.forward(images(2)), [1, 0, 1], [0, 1, 5])
    assert maps.shape == (3, 7, 7)
    assert (maps >= 0).all()
    assert (maps.max((1, 2)) > 0).any()


@pytest.mark.parametrize(
    "architecture", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_050", "vgg11"]
)
def test_the_pooled_features_are_what_the_last_layer_gets(architecture: str) -> None:
    network = build_network(architecture, LABEL_COUNT).eval()
    forward = AutogradGradCam(network).forward(images(2))
    last = classifier(network)
    assert isinstance(last, nn.Linear) and forward.pooled is not None
    assert forward.pooled.shape == (2, pooled_channels(network))
    with torch.inference_mode():
        torch.testing.assert_close(last(forward.pooled), forward.logits)
    assert not last._forward_pre_hooks, "nothing is left on the network"


def test_a_network_with_two_last_layers_has_no_pooled_features() -> None:
    network = build_network("deit_tiny_distilled_patch16_224", LABEL_COUNT).eval()
    assert pooled_channels(network) is None
    assert AutogradGradCam(network).forward(images(1)).pooled is None


def test_both_ways_agree_on_the_same_network() -> None:
    network = network_with_character("convnext_atto")
    fast, slow = ClosedFormGradCam(network), AutogradGradCam(network)
    batch = images(2)
    maps = [way.explain(way.forward(batch), [1, 0], [3, 3]) for way in (fast, slow)]
    assert np.abs(maps[0] - maps[1]).max() <= 1e-4


def test_pytorch_grad_cam_serves_threads_one_at_a_time() -> None:
    explainer = grad_cam(network_with_character("resnet18"))
    batch = images(3, size=64)
    expected = explainer.explain(explainer.forward(batch), [0, 1, 2], [0, 1, 2])
    found: dict[int, Any] = {}

    def explain(item: int) -> None:
        found[item] = explainer.explain(explainer.forward(batch), [item], [item])[0]

    threads = [threading.Thread(target=explain, args=(item,)) for item in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for item in range(3):
        assert np.allclose(found[item], expected[item], atol=1e-6)


def test_pytorch_grad_cam_leaves_nothing_on_the_network() -> None:
    network = network_with_character("resnet18")
    explainer = grad_cam(network)
    explainer.explain(explainer.forward(images(1, size=64)), [0], [0])
    assert not any(module._forward_hooks for module in network.modules())
    assert all(values.grad is None for values in network.parameters())


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_a_vision_transformer_is_explained_as_pytorch_grad_cam_has_it(architecture: str) -> None:
    """By its tutorial's layer and transform, with one token before those of the patches, or two."""
    network = transformer_with_character(architecture)
    batch = images(2)
    explainer = grad_cam(network)

    maps = explainer.explain(explainer.forward(batch), [0, 1, 1], [0, 3, 5])

    for item, label, found in zip([0, 1, 1], [0, 3, 5], maps, strict=True):
        expected = tutorials_map(network, batch[item], label)
        assert found.shape == expected.shape
        assert expected.max() > 1e-4
        assert np.abs(found - expected).max() <= 1e-4 * expected.max()
    assert torch.allclose(explainer.forward(batch).logits, network(batch), atol=1e-5)


def transformer_with_character(architecture: str) -> nn.Module:
    """A fresh one gives the same logits for every picture: its classifier and layer scales are near zero."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_network(architecture, LABEL_COUNT)
        with torch.no_grad():
            for name, values in network.named_parameters():
                if name.endswith("gamma"):
                    values.uniform_(0.5, 1.5)
                elif name.startswith("head.") or name.endswith("weight") and "blocks" in name:
                    values.normal_(0, 0.1)
    return network.eval()


def tutorials_map(network: nn.Module, image: torch.Tensor, label: int) -> np.ndarray[Any, Any]:
    """A raw map by jacobgil/pytorch-grad-cam's tutorial for vision transformers."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    rows, columns = network.patch_embed.grid_size  # type: ignore[union-attr,misc]
    first = network.num_prefix_tokens

    def reshape_transform(tensor: torch.Tensor) -> torch.Tensor:
        result = tensor[:, first:, :].reshape(tensor.size(0), rows, columns, tensor.size(2))
        return result.transpose(2, 3).transpose(1, 2)

    class Reference(GradCAM):  # type: ignore[misc]
        def get_cam_image(self, *arguments: Any, **options: Any) -> Any:
            self.before_scaling = np.maximum(super().get_cam_image(*arguments, **options), 0)
            return self.before_scaling

    layer = network.blocks[-1].norm1  # type: ignore[union-attr,index]
    with Reference(network, [layer], reshape_transform=reshape_transform) as cam:
        cam(image[None], [ClassifierOutputTarget(label)])
        found: np.ndarray[Any, Any] = cam.before_scaling[0]
        return found


@pytest.mark.parametrize("architecture", ["xcit_nano_12_p16_224", "cait_xxs24_224"])
def test_a_network_without_a_map_is_refused(architecture: str) -> None:
    with pytest.raises(NetworkError, match="no last map with rows and columns"):
        grad_cam(build_network(architecture, LABEL_COUNT))
