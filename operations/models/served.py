"""The models that the TorchServe of a data folder has to serve."""

from __future__ import annotations

from collections.abc import Callable

from operations.stack.folder import DataFolder
from serving.registry import Registry
from serving.served_models import ServedModels
from serving.set_aside import SetAside
from serving.stores import ModelStores
from serving.torchserve import TorchServe


def served_models(
    server: TorchServe, stores: ModelStores, data: DataFolder, announce: Callable[[str], None]
) -> ServedModels:
    """The models of the stores by the folder's registry. `announce` gets lines for people."""
    return ServedModels(
        server,
        stores,
        registry=Registry(data.registry),
        set_aside=SetAside(data.set_aside),
        changes=data.changes,
        announce=announce,
    )
