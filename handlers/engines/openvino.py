"""The engine of Intel's OpenVINO. It is installed by pip alone, and fast without a C++ compiler."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import nn

from handlers.card import InputSpec
from handlers.engines.engine import EngineUnavailable, Forward
from handlers.engines.serving_network import ServingNetwork, fast_precision, precision_name
from handlers.findings import FindingsDecoder


class OpenVinoEngine:
    """Runs a network on the CPU. Raises EngineUnavailable if OpenVINO is not installed."""

    def __init__(self, network: nn.Module, spec: InputSpec, decoder: FindingsDecoder | None = None) -> None:
        precision = fast_precision(torch.device("cpu"))
        self.description = f"openvino {precision_name(precision)}"
        # On import, OpenVINO reports its use over the network, unless this package is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
            from openvino.frontend import FrontEndManager
            from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
        except ImportError as error:
            raise EngineUnavailable(f"OpenVINO is not installed ({error.name})") from error
        # Without openvino.convert_model, which reports its use, too.
        serving = ServingNetwork(network, spec, torch.float32, decoder).eval()
        example = torch.zeros(2, 3, spec.size, spec.size, dtype=torch.uint8)
        with torch.no_grad():
            traced = TorchScriptPythonDecoder(torch.jit.trace(serving, example))  # type: ignore[no-untyped-call]
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(traced))
        model.reshape([-1, 3, spec.size, spec.size])
        model.validate_nodes_and_infer_types()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision is torch.bfloat16 else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        self._request: Any = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def __call__(self, pixels: torch.Tensor) -> Forward:
        self._request.infer([pixels.numpy()], share_inputs=True)
        # The next request overwrites these.
        outputs = [np.array(tensor.data) for tensor in self._request.output_tensors]
        return Forward.of([torch.from_numpy(output) for output in outputs])
