"""Makes a started TorchServe serve the models of the registry, and checks that it does."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from handlers.engines.reports import read_reports
from serving.changes import note_defaults
from serving.engine_news import EngineNews
from serving.errors import ServingError
from serving.keys import KeyUnavailable, ManagementKey
from serving.logs import why_not_loaded
from serving.management import AlreadyRegistered, ManagementClient, ManagementError, WorkersFailed
from serving.registry import ModelToServe, Registry, broken_default, models_to_serve
from serving.set_aside import SetAside
from serving.stores import ModelStores
from serving.torchserve import TorchServe
from serving.wanted import ALL, Wanted, check_named, left_out

PROBE_TIMEOUT_S = 3.0
"""Longest time that TorchServe's management interface may take to answer a probe."""


class CannotServe(ServingError):
    """The default version of a model can't be served; the text says why and what to do. Trying again would not help."""


class ServedModels:
    """The models of a TorchServe: registers them after a start, and says whether they are served."""

    def __init__(
        self,
        server: TorchServe,
        stores: ModelStores,
        *,
        registry: Registry,
        set_aside: SetAside,
        changes: Path,
        announce: Callable[[str], None],
        wanted: Wanted = ALL,
    ) -> None:
        self._server = server
        self._stores = stores
        self._registry = registry
        self._set_aside = set_aside
        self._changes = changes
        self._announce = announce
        self._wanted = wanted
        key = ManagementKey(server.key_file if server.asks_for_key else None, server.management_url)
        self._client = ManagementClient(server.management_url, key, timeout_s=PROBE_TIMEOUT_S)
        self._to_register: list[ModelToServe] = []
        self._names: list[str] = []
        self._is_prepared = False
        self._engines = EngineNews()

    @property
    def client(self) -> ManagementClient:
        """The client of the server's management, for others that change what it serves."""
        return self._client

    @property
    def are_registered(self) -> bool:
        """Whether the server's start is over: all models that were to be registered are."""
        return self._is_prepared and not self._to_register

    def decide(self) -> list[ModelToServe]:
        """The models to serve. Missing defaults are noted. Raises ServingError as `models_to_serve` does.

        Also for a name that was wanted and that no model has.
        """
        check_named(self._wanted, self._stores, self._registry)
        wanted = self._wanted
        note_defaults(self._changes, self._registry, self._stores, self._announce, wanted.may_begin)
        return models_to_serve(self._stores, self._registry, wanted.serves)

    def tell_left_out(self) -> None:
        """Announce which models could be served and are not wanted here."""
        for line in left_out(self._wanted, self._stores, self._registry):
            self._announce(line)

    def prepare(self) -> None:
        """Write TorchServe's settings, and build the archives of defaults that are missing or out of date."""
        self._server.prepare()
        if self._server.waits_for_compiler():
            self._announce("Preparing the network for this machine (a minute the first time)")
        self._engines = EngineNews()
        self._to_register = self.decide()
        self._names = [model.name for model in self._to_register]
        self._is_prepared = True
        self._set_aside.begin()
        for model in self._to_register:
            self._stores.build(model.name, model.default, self._server.archives)
            for version, reason in model.set_aside.items():
                self._put_aside(model.name, version, reason)

    def server_answers(self) -> bool:
        """Whether TorchServe answers, even without a ready worker."""
        return self._client.answers()

    def are_served(self) -> bool:
        """Whether each model's default version has a ready worker. Registers the models once TorchServe answers.

        Raises CannotServe if a default version can't be served.
        """
        try:
            self._client.models()
            while self._to_register:
                self._register(self._to_register[0])
                del self._to_register[0]
            ready = all(
                any(version.is_default and version.ready_workers for version in self._client.versions(name))
                for name in self._client.models()
            )
        except (ManagementError, KeyUnavailable):
            return False
        if ready:
            self.tell_of_engines()
        return ready

    def tell_of_engines(self) -> None:
        """Announce which engines answer until others are made, and when these have taken over."""
        for line in self._engines.lines(read_reports(self._server.engine_reports)):
            self._announce(line)

    def _register(self, model: ModelToServe) -> None:
        try:
            self._add(model.name, model.default)
        except WorkersFailed as error:
            reason = self._reason(model.name, model.default, error)
            beside = [other for other in self._names if other != model.name]
            raise CannotServe(
                broken_default(self._stores, model.name, model.default, reason, beside)
            ) from error
        for version in model.others:
            try:
                self._add(model.name, version)
            except WorkersFailed as error:
                self._put_aside(model.name, version, self._reason(model.name, version, error))
            except (ManagementError, KeyUnavailable):
                raise
            except ServingError as error:
                self._put_aside(model.name, version, str(error))
        self._client.promote(model.name, model.default)

    def _reason(self, name: str, version: str, error: WorkersFailed) -> str:
        return why_not_loaded(self._server.log_files[1], name, version) or str(error)

    def _put_aside(self, name: str, version: str, reason: str) -> None:
        with suppress(OSError):  # a full disk must not stop the stack
            self._set_aside.add(name, version, reason)
        self._announce(f"{name} {version} is set aside, all else is served: {reason}")

    def _add(self, name: str, version: str) -> None:
        archive = self._stores.build(name, version, self._server.archives)
        try:
            capacity = self._server.capacity
            self._client.register(archive.name, capacity.workers, capacity.batching)
        except AlreadyRegistered:
            pass  # an earlier probe got this far
