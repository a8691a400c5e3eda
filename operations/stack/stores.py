"""Which model stores a stack or command uses, and where the decisions about their versions stand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from operations.errors import OperationsError
from operations.stack.folder import DataFolder, make_private, running_state
from serving.registry import Registry
from serving.shared.decisions import registry_in
from serving.shared.place import STORE_VARIABLE, is_url, objects_at
from serving.shared.store import SharedStores
from serving.stores import ModelStores

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_STORE = ROOT / "model_store"


def stores_at(data: DataFolder, named: str) -> ModelStores:
    """The shared store with a URL; or a folder, and after it the data folder's own, which has the imported models.

    Raises ServingError for a URL that is none of a store.
    """
    if not is_url(named):
        return ModelStores([Path(named).absolute(), data.model_store])
    objects = objects_at(named)
    make_private(data.torchserve)
    return SharedStores(objects, data.fetched)


def wanted_stores(
    data: DataFolder, named: str | None, variables: Mapping[str, str] = os.environ
) -> ModelStores:
    """The model stores of a new stack: as named, or by RETINOTE_MODEL_STORE, or else the installation's own folder.

    Raises OperationsError and ServingError.
    """
    url = variables.get(STORE_VARIABLE)
    if url and not is_url(url):
        raise OperationsError(
            f"{STORE_VARIABLE} is '{url}'; it has to be the URL of a store that model servers share, such as "
            "s3://BUCKET/PREFIX or file:///FOLDER. A folder of this machine alone is named by --model-store."
        )
    return stores_at(data, named or url or str(DEFAULT_STORE))


def stores_of(data: DataFolder, named: str | None) -> ModelStores:
    """The model stores of a command: as named, or those of the stack that runs on the folder, or of a new one."""
    if named is None:
        try:
            # The stack's last store is the folder's own, so the first is the other one.
            named = str(running_state(data)["model_stores"][0])
        except OperationsError:
            pass
    return wanted_stores(data, named)


def places(stores: ModelStores) -> list[str]:
    """The stores as a stack's state names them."""
    if isinstance(stores, SharedStores):
        return [stores.place]
    return [str(folder) for folder in stores.folders]


def registry_of(data: DataFolder, stores: ModelStores) -> Registry:
    """The decisions about the stores' versions: in the shared store, or else in the data folder."""
    if not isinstance(stores, SharedStores):
        return Registry(data.registry)
    return registry_in(stores.objects)


def copied_registry(data: DataFolder, stores: ModelStores, *, stands_in: bool) -> Registry:
    """As `registry_of`, for a model server, which keeps a copy of a shared store's decisions.

    The copy `stands_in` at a start while the store is away.
    """
    if not isinstance(stores, SharedStores):
        return Registry(data.registry)
    return registry_in(stores.objects, data.registry_copy, stands_in=stands_in)
