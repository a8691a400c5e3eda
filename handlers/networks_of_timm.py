"""The parts of timm that are used here, imported without torch's compiler (`torch._dynamo`).

On import, torchvision takes a function for its box pooling from the compiler, and timm a decorator for networks with
patches of any size. Neither is used here, but the compiler would add 1.5 s to a worker's start and 100 MiB to its
memory. So both get stand-ins that import the compiler when they are called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch.compiler
from torch._compile import _disable_dynamo

COMPILER = "torch._dynamo.utils"


class _LazyModule(ModuleType):
    """Stands in for a module: its functions import the real one when they are called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def function(*arguments: Any, **options: Any) -> Any:
            return getattr(__import__(self.__name__, fromlist=[name]), name)(*arguments, **options)

        return function


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Within this context, imports get the stand-ins, unless the compiler is loaded already."""
    if COMPILER in sys.modules:
        yield
        return
    disable = torch.compiler.disable
    sys.modules[COMPILER] = _LazyModule(COMPILER)
    torch.compiler.disable = _disable_dynamo  # type: ignore[assignment]  # torch's own, which imports it when called
    try:
        yield
    finally:
        del sys.modules[COMPILER]
        torch.compiler.disable = disable


with _without_compiler():
    from timm import __version__, create_model, is_model
    from timm.layers.classifier import NormMlpClassifierHead
    from timm.layers.norm import LayerNorm2d

__all__ = ["LayerNorm2d", "NormMlpClassifierHead", "__version__", "create_model", "is_model"]
