"""The services of a stack, described for the supervisor."""

import os
from collections.abc import Callable
from pathlib import Path

from serving import mongodb
from serving.keys import KeyUnavailable, ManagementKey
from serving.management import AlreadyRegistered, ManagementClient, ManagementError, WorkersFailed
from serving.processes import last_lines
from serving.registry import Registry, Wanted, wanted
from serving.stack.folder import DataFolder
from serving.stack.supervisor import CannotRun, Service
from serving.stack.webapp import ROOT, WebApp, WorkerPing
from serving.stores import ModelStores
from serving.torchserve import STARTUP_TIMEOUT_S, TorchServe

MONGODB, MODEL_SERVER, WEB, WORKER = "MongoDB", "model server", "web app", "worker"


def mongodb_service(folder: DataFolder, port: int) -> Service:
    """A MongoDB server of our own. Raises ServingError when no server program can run here."""
    program = mongodb.find_mongod(folder.run / "lib")
    return Service(
        name=MONGODB,
        command=lambda: mongodb.server_command(program, folder.mongodb, port),
        log=folder.logs / "mongodb.log",
        probe=lambda: mongodb.become_primary(port),
        environment=os.environ | dict(program.variables),
        address=f"127.0.0.1:{port}",
        grace_s=30.0,
    )


def model_server_service(server: TorchServe, models: "ServedModels") -> Service:
    """TorchServe with the models that the registry asks for."""
    return Service(
        name=MODEL_SERVER,
        command=server.command,
        log=server.logs / "torchserve-console.log",
        probe=models.are_served,
        environment=server.environment(),
        folder=server.home,
        prepare=models.prepare,
        address=server.inference_url,
        more_logs=server.log_files,
        ready_timeout_s=STARTUP_TIMEOUT_S + 60,
        grace_s=20.0,
    )


def web_service(app: WebApp, logs: Path) -> Service:
    """The web app under gunicorn."""
    return Service(
        name=WEB,
        command=app.web_command,
        log=logs / "web.log",
        probe=app.web_answers,
        environment=app.environment,
        folder=ROOT,
        address=app.url,
        grace_s=10.0,
    )


def worker_service(app: WebApp, logs: Path) -> Service:
    """The Celery worker. A task that is not finished in time stays in its scan document and is done later."""
    ping = WorkerPing(app.environment["RETINOTE_BROKER_URL"])
    return Service(
        name=WORKER,
        command=app.worker_command,
        log=logs / "worker.log",
        probe=ping,
        prepare=ping.forget,
        environment=app.environment,
        folder=ROOT,
        # Without its broker the worker waits for ever to say goodbye; what it drops is in the scan documents.
        grace_s=8.0,
    )


class ServedModels:
    """Brings a freshly started TorchServe to serve what the registry asks for, and knows whether it does."""

    def __init__(
        self, server: TorchServe, stores: ModelStores, registry: Registry, announce: Callable[[str], None]
    ) -> None:
        self._server = server
        self._stores = stores
        self._registry = registry
        self._announce = announce
        self._client = ManagementClient(
            server.management_url, ManagementKey(server.key_file, server.management_url)
        )
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
