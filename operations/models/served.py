"""The models that the TorchServe of a data folder has to serve."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from operations.stack.folder import DataFolder
from operations.stack.stores import DEFAULT_STORE, copied_registry, registry_of
from serving.served_models import ServedModels
from serving.set_aside import SetAside
from serving.shared.decisions import seed
from serving.shared.errors import StoreAway
from serving.shared.reconciling import Reconciler, Reconciling
from serving.shared.store import SharedStores
from serving.stores import ModelStores
from serving.torchserve import TorchServe
from serving.wanted import ALL, Wanted


def served_models(
    server: TorchServe,
    stores: ModelStores,
    data: DataFolder,
    announce: Callable[[str], None],
    wanted: Wanted = ALL,
) -> ServedModels:
    """The models of the stores by their registry, as far as they are wanted. `announce` gets lines for people."""
    return ServedModels(
        server,
        stores,
        registry=copied_registry(data, stores, stands_in=True),
        set_aside=SetAside(data.set_aside),
        changes=data.changes,
        announce=announce,
        wanted=wanted,
    )


def seed_shared(
    stores: ModelStores, data: DataFolder, announce: Callable[[str], None], wanted: Wanted = ALL
) -> None:
    """Put the bundled models into a shared store that has no decisions about them yet. Raises ServingError.

    A store that is away is no reason not to start, if this server has been started with it before.
    """
    if not isinstance(stores, SharedStores):
        return
    stores.tidy()
    try:
        registry = registry_of(data, stores)
        seed(stores, ModelStores([DEFAULT_STORE]), registry, announce, wanted.may_begin)
    except StoreAway as error:
        if not data.registry_copy.exists():
            raise
        announce(f"{error} This server starts with what it served last.")


def reconciling(
    server: TorchServe,
    stores: ModelStores,
    data: DataFolder,
    models: ServedModels,
    announce: Callable[[str], None],
    wanted: Wanted = ALL,
) -> AbstractContextManager[object]:
    """Keeps a model server at what the registry of a shared store says; does nothing for a store of its own."""
    if not isinstance(stores, SharedStores):
        return nullcontext()
    reconciler = Reconciler(
        server, stores, copied_registry(data, stores, stands_in=False), models.client, announce, wanted
    )
    return Reconciling(reconciler, lambda: models.are_registered)
