"""The parts of timm that are used here, imported without what they would bring along and nobody needs.

timm imports all of its 150 families of networks, with torchvision, the Hugging Face hub and torch's compiler
(`torch._dynamo`). That would add a half to the time in which a worker starts, and 100 MiB to its memory. So only the
ConvNeXts are imported at first; all else gets stand-ins, which import the real thing when they are called. A network of
another family is found by importing all of timm then. Who imports from `timm.models` or `timm.data` gets all of them;
`timm.is_model` and `timm.list_models` know what is imported so far, so ask here, or import from `timm.models` before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch.compiler
from torch import nn
from torch._compile import _disable_dynamo

COMPILER = "torch._dynamo.utils"
ALL_MODELS = "timm.models"
FUNCTIONS = (COMPILER, "timm.models._hub", "torchvision.models.feature_extraction")
"""Modules of which nothing but functions is imported."""
CLASSES = "torchvision.ops.misc"
"""The module of a class for which timm looks in networks."""


class _LazyModule(ModuleType):
    """Stands in for a module: its functions import the real one when they are called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def function(*arguments: Any, **options: Any) -> Any:
            return getattr(__import__(self.__name__, fromlist=[name]), name)(*arguments, **options)

        return function


class _LazyClass(type):
    """Stands in for torchvision's `FrozenBatchNorm2d`, of which there are no objects before it is imported."""

    def __instancecheck__(cls, instance: object) -> bool:
        module = sys.modules.get(CLASSES)
        return module is not None and isinstance(instance, module.FrozenBatchNorm2d)

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        return import_module(CLASSES).FrozenBatchNorm2d(*arguments, **options)


class _FewModels(ModuleType):
    """The package `timm.models` before its own code has run, which would import all of its modules.

    Its modules can be imported one by one. Who asks for something else makes it run.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # While timm itself is being imported, it takes functions from here.
        if "timm.models.convnext" not in sys.modules:
            for module in map(import_module, ("timm.models._factory", "timm.models._registry")):
                if hasattr(module, name):
                    return getattr(module, name)
        self.complete()
        return getattr(self, name)

    def complete(self) -> None:
        """Import all models."""
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert self.__spec__ and self.__spec__.loader
        self.__spec__.loader.exec_module(self)


def _stand_ins() -> Iterator[ModuleType]:
    yield from map(_LazyModule, FUNCTIONS)
    yield (classes := ModuleType(CLASSES))
    classes.FrozenBatchNorm2d = _LazyClass("FrozenBatchNorm2d", (), {})  # type: ignore[attr-defined]
    origin = find_spec("timm").origin  # type: ignore[union-attr]
    folder = Path(str(origin)).parent
    spec = spec_from_file_location(ALL_MODELS, folder / "models" / "__init__.py")
    assert spec
    yield (models := module_from_spec(spec))
    models.__class__ = _FewModels
    # The rest of timm.data is about data sets.
    spec = spec_from_file_location("timm.data", folder / "data" / "constants.py")
    assert spec and spec.loader
    yield (constants := module_from_spec(spec))
    spec.loader.exec_module(constants)


@contextmanager
def _without_the_rest() -> Iterator[None]:
    """Within this context, imports get the stand-ins for what is not loaded already."""
    if "timm" in sys.modules:
        yield
        return
    disable = torch.compiler.disable
    put = {each.__name__: each for each in _stand_ins() if each.__name__ not in sys.modules}
    sys.modules |= put
    if COMPILER in put:
        torch.compiler.disable = _disable_dynamo  # type: ignore[assignment]  # torch's own, which imports it when called
    try:
        yield
    finally:
        for name in put.keys() - {ALL_MODELS}:
            del sys.modules[name]
        torch.compiler.disable = disable


with _without_the_rest():
    import timm
    from timm import __version__
    from timm.layers.activations import GELU, GELUTanh
    from timm.layers.classifier import NormMlpClassifierHead
    from timm.layers.mlp import Mlp
    from timm.layers.norm import LayerNorm2d

    import_module("timm.models.convnext")  # so that its networks are known
    timm.models = sys.modules[ALL_MODELS]


def is_model(architecture: str) -> bool:
    """Whether timm has a network of that name."""
    if not timm.is_model(architecture) and isinstance(timm.models, _FewModels):
        timm.models.complete()
    return bool(timm.is_model(architecture))


def create_model(architecture: str, **options: Any) -> nn.Module:
    """A network by its timm name; `options` are timm's. Raises RuntimeError if timm has none of that name."""
    is_model(architecture)
    network: nn.Module = timm.create_model(architecture, **options)
    return network


__all__ = [
    "GELU",
    "GELUTanh",
    "LayerNorm2d",
    "Mlp",
    "NormMlpClassifierHead",
    "__version__",
    "create_model",
    "is_model",
]
