"""What handlers need of timm, imported without torch's compiler (`torch._dynamo`).

On import, torchvision asks the compiler for a function that its box pooling calls, and timm for a decorator of networks
with patches of any size. Neither is used here, but the compiler is 1.5 s of a model worker's start and 100 MiB of its
memory. So both get stand-ins that import it when they are called.
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


class _Later(ModuleType):
    """Hands out functions of a module that import it once they are called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def function(*arguments: Any, **options: Any) -> Any:
            return getattr(__import__(self.__name__, fromlist=[name]), name)(*arguments, **options)

        return function


@contextmanager
def _compiler_later() -> Iterator[None]:
    if COMPILER in sys.modules:
        yield
        return
    disable = torch.compiler.disable
    sys.modules[COMPILER] = _Later(COMPILER)
    torch.compiler.disable = _disable_dynamo  # type: ignore[assignment]  # torch's own, which imports it when called
    try:
        yield
    finally:
        del sys.modules[COMPILER]
        torch.compiler.disable = disable


with _compiler_later():
    from timm import __version__, create_model, is_model
    from timm.layers.classifier import NormMlpClassifierHead
    from timm.layers.norm import LayerNorm2d

__all__ = ["LayerNorm2d", "NormMlpClassifierHead", "__version__", "create_model", "is_model"]
