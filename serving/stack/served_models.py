"""Which models a started TorchServe is to serve, and whether it does."""

from collections.abc import Callable

from serving.keys import KeyUnavailable, ManagementKey
from serving.management import AlreadyRegistered, ManagementClient, ManagementError, WorkersFailed
from serving.processes import last_lines
from serving.registry import Registry, Wanted, wanted
from serving.stack.service import CannotRun
from serving.stores import ModelStores
from serving.torchserve import TorchServe

PROBE_TIMEOUT_S = 3.0
"""How long TorchServe's management interface may take to answer a probe."""


class ServedModels:
    """Brings a freshly started TorchServe to serve what the registry asks for, and knows whether it does."""

    def __init__(
        self, server: TorchServe, stores: ModelStores, registry: Registry, announce: Callable[[str], None]
    ) -> None:
        self._server = server
        self._stores = stores
        self._registry = registry
        self._announce = announce
        key = ManagementKey(server.key_file if server.asks_for_key else None, server.management_url)
        self._client = ManagementClient(server.management_url, key, timeout_s=PROBE_TIMEOUT_S)
        self._to_register: list[Wanted] = []

    def prepare(self) -> None:
        """Write TorchServe's settings, and build the archives that are missing or older than their inputs."""
        self._server.prepare()
        if not self._server.has_compiled():
            self._announce("Preparing the network for this machine (a minute the first time)")
        self._to_register = wanted(self._stores, self._registry)
        for model in self._to_register:
            for version in (model.default, *model.others):
                self._stores.build(model.name, version, self._server.archives)

    def server_answers(self) -> bool:
        """Whether TorchServe answers, be it without a worker that is ready."""
        return self._client.answers()

    def are_served(self) -> bool:
        """Whether each model's default version has a worker that is ready; registers the models once TorchServe answers.

        Raises CannotRun when a default version can't be served.
        """
        try:
            self._client.models()
            while self._to_register:
                self._register(self._to_register[0])
                del self._to_register[0]
            return all(
                any(version.is_default and version.ready_workers for version in self._client.versions(name))
                for name in self._client.models()
            )
        except (ManagementError, KeyUnavailable):
            return False

    def _register(self, model: Wanted) -> None:
        try:
            self._add(model.name, model.default)
        except WorkersFailed as error:
            raise CannotRun(
                f"{model.name} {model.default} can't be served: {error}.\n{last_lines(self._server.log_files[1])}"
            ) from error
        for version in model.others:
            try:
                self._add(model.name, version)
            except WorkersFailed as error:
                self._announce(f"{model.name} {version} is not served beside {model.default}: {error}")
        self._client.promote(model.name, model.default)

    def _add(self, name: str, version: str) -> None:
        archive = self._stores.build(name, version, self._server.archives)
        try:
            capacity = self._server.capacity
            self._client.register(archive.name, capacity.workers, capacity.batching)
        except AlreadyRegistered:
            pass  # an earlier probe got this far
