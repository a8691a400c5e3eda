"""The model code that a user would write from the documentation of PyTorch, timm and pytorch-grad-cam."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import show_cam_on_image
from safetensors.torch import load_file
from torchvision import transforms


class PlainModel:
    """PIL, torchvision's transforms, float32 in eager mode, pytorch-grad-cam, one image at a time."""

    def __init__(self, folder: Path) -> None:
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self._labels: list[str] = card["labels"]
        self._model = timm.create_model(card["architecture"], num_classes=len(self._labels))
        self._model.load_state_dict(
            {name: values.float() for name, values in load_file(folder / "weights.safetensors").items()}
        )
        self._model.eval()
        size = card["input"]["size"]
        self._transform = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.ToTensor(),
                transforms.Normalize(card["input"]["mean"], card["input"]["std"]),
            ]
        )
        self._grad_cam = GradCAM(model=self._model, target_layers=[self._model.stages[-1]])  # type: ignore[index]

    def answer(self, content: bytes, explain: bool) -> dict[str, Any]:
        """Label, probabilities and, if wanted, the heat map drawn on the image."""
        image = Image.open(io.BytesIO(content)).convert("RGB")
        tensor = self._transform(image).unsqueeze(0)
        if not explain:
            with torch.inference_mode():
                return self._prediction(self._model(tensor))
        # Without targets pytorch-grad-cam explains the first label, and it keeps the outputs of its forward pass.
        grey = self._grad_cam(input_tensor=tensor, targets=None)[0]
        answer = self._prediction(self._grad_cam.outputs.detach())
        heat = cv2.resize(grey, image.size)
        overlay = show_cam_on_image(np.asarray(image, np.float32) / 255, heat, use_rgb=True)
        encoded = io.BytesIO()
        Image.fromarray(overlay).save(encoded, "PNG")
        return answer | {"gradcam": {"overlay": base64.b64encode(encoded.getvalue()).decode()}}

    def _prediction(self, logits: torch.Tensor) -> dict[str, Any]:
        probabilities = logits.softmax(1)[0].tolist()
        first = max(range(len(probabilities)), key=probabilities.__getitem__)
        return {
            "prediction": {"label": self._labels[first], "confidence": probabilities[first]},
            "probabilities": dict(zip(self._labels, probabilities, strict=True)),
        }
