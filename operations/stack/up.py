"""Starts a whole stack and keeps it running until it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from operations import mongodb, page
from operations.backup.media import elsewhere
from operations.errors import OperationsError
from operations.models.served import reconciling, seed_shared, served_models
from operations.stack import ports, services, webapp
from operations.stack.announcer import Announcer
from operations.stack.database import OwnDatabase
from operations.stack.folder import DataFolder, write_private
from operations.stack.greeting import make_first_administrator, sign_in, welcome
from operations.stack.service import StackFailed
from operations.stack.state import State
from operations.stack.stores import places
from operations.stack.supervisor import StopRequested, Supervisor, Task
from serving import torchserve
from serving.capacity import Capacity
from serving.served_models import ServedModels
from serving.shared.store import SharedStores
from serving.stores import ModelStores
from serving.tuning import load_tuned
from serving.wanted import ALL, Wanted


@dataclass(frozen=True)
class Settings:
    """The user's choices. `ports` has None for each port that was not chosen."""

    data: DataFolder
    host: str
    names: tuple[str, ...]
    port: int
    ports: Mapping[str, int | None]
    stores: ModelStores
    mongodb_uri: str | None
    dicom_host: str | None = None
    """Where the DICOM receiver listens; None without one."""
    dicom_port: int | None = None
    wanted: Wanted = ALL
    """The models to serve."""


@dataclass(frozen=True)
class _Stack:
    """What is to be started."""

    settings: Settings
    ports: Mapping[str, int]
    server: torchserve.TorchServe
    database: OwnDatabase
    app: webapp.WebApp

    @property
    def dicom(self) -> tuple[str, int] | None:
        """Host and port of the DICOM receiver; None without one."""
        host = self.settings.dicom_host
        return (host, self.ports["dicom"]) if host else None


def run(settings: Settings, terminal: TextIO, when_ready: Callable[[], None] = lambda: None) -> bool:
    """Start everything, print how to sign in, call `when_ready`, and keep it running until a signal comes.

    Returns whether it was ready before the signal. Raises OperationsError if it can't be started or kept running.
    Nothing is left running in any case.
    """
    data = settings.data
    data.make()
    announce = Announcer(terminal, data.stack_log)
    lock = data.hold(announce)
    stack = _checked(settings, announce)
    state = State(data, _facts(stack))
    password = None
    try:
        with Supervisor(announce, state.services_changed, kept_open=[lock]) as supervisor:
            supervisor.catch_signals()
            announce(f"Starting a stack on {data.path}")
            models = served_models(stack.server, settings.stores, data, supervisor.say, settings.wanted)
            _start(stack, models, supervisor, announce)
            password = make_first_administrator(supervisor, stack.app, data)
            supervisor.wait_ready()
            state.became_ready()
            welcome(announce, stack.app, settings.names, data, password, stack.dicom)
            password = None
            when_ready()
            with reconciling(stack.server, settings.stores, data, models, supervisor.say, settings.wanted):
                supervisor.run()
            announce("Stopping")
    except StopRequested:
        announce("Stopped before everything was ready")
        return False
    finally:
        if password:  # the account was made, and the password would be lost
            announce.terminal_only(sign_in(password))
        data.state.unlink(missing_ok=True)
        data.mongodb_address.unlink(missing_ok=True)
        stack.server.clean()
    announce("Stopped")
    return True


def _checked(settings: Settings, announce: Announcer) -> _Stack:
    """All that is known before the first service starts, so that an error comes before half of the stack has started."""
    data = settings.data
    elsewhere()  # refuses a URL that names no bucket, before other commands read it in the state
    chosen = ports.choose(settings.host, settings.port, settings.ports)
    if settings.dicom_host:
        chosen["dicom"] = ports.choose_dicom(settings.dicom_host, settings.dicom_port, chosen["web"])
    server = _model_server(data, chosen, load_tuned(data.tuning, announce))
    seed_shared(settings.stores, data, announce, settings.wanted)
    checked = served_models(server, settings.stores, data, announce, settings.wanted)
    checked.decide()
    checked.tell_left_out()
    if settings.mongodb_uri:
        mongodb.answers_as_primary(settings.mongodb_uri)
    database = OwnDatabase(data, chosen["mongodb"])
    uri = settings.mongodb_uri or database.address()
    write_private(data.mongodb_address, uri)
    return _Stack(settings, chosen, server, database, _web_app(settings, chosen, server, uri))


def _start(stack: _Stack, models: ServedModels, supervisor: Supervisor, announce: Announcer) -> None:
    """Start the services one after the other, as one needs the other."""
    app, data = stack.app, stack.settings.data
    if not stack.settings.mongodb_uri:
        supervisor.start(services.mongodb_service(stack.database))
    supervisor.start(services.model_server_service(stack.server, models))
    page_task = _start_page(supervisor, app, data, announce)
    if not stack.settings.mongodb_uri:
        supervisor.wait_ready(services.MONGODB)
    _prepare_database(supervisor, app, data)
    supervisor.start(services.worker_service(app, data.logs))
    if app.learns:
        supervisor.start(services.trainer_service(app, data.logs))
    if stack.dicom:
        supervisor.start(services.receiver_service(app, data.logs, *stack.dicom))
    _wait_for_page(page_task, announce)
    supervisor.start(services.web_service(app, data.logs))  # it looks at its start for the page


def _web_app(
    settings: Settings, chosen: Mapping[str, int], server: torchserve.TorchServe, uri: str
) -> webapp.WebApp:
    data = settings.data
    return webapp.WebApp(
        host=settings.host,
        port=chosen["web"],
        run_folder=data.run,
        environment=webapp.environment(
            data=data.path,
            hosts=webapp.answered_hosts(settings.host, settings.names),
            secret_key=data.secret_key(),
            mongodb_uri=uri,
            model_url=server.inference_url,
            management_url=server.management_url,
            key_file=server.key_file,
            model_metrics=server.metrics_socket,
            calibration=data.calibration,
            model_store=settings.stores.place if isinstance(settings.stores, SharedStores) else "",
            models=sorted(settings.wanted.only or ()),
            stored_models=settings.stores.names(),
        ),
    )


def _model_server(data: DataFolder, chosen: Mapping[str, int], capacity: Capacity) -> torchserve.TorchServe:
    return torchserve.TorchServe(
        home=data.torchserve,
        archives=data.archives,
        logs=data.logs,
        ports=torchserve.Ports(
            inference=chosen["inference"],
            management=chosen["management"],
            grpc_inference=chosen["grpc-inference"],
            grpc_management=chosen["grpc-management"],
        ),
        capacity=capacity,
        calibration=data.calibration,
    )


def _facts(stack: _Stack) -> dict[str, Any]:
    """The facts about this stack that other commands need."""
    server, settings = stack.server, stack.settings
    return {
        "url": stack.app.url,
        "ports": dict(stack.ports),
        "inference_url": server.inference_url,
        "management_url": server.management_url,
        "key_file": str(server.key_file),
        "metrics_socket": str(server.metrics_socket),
        "calibration": str(server.calibration),
        "engine_reports": str(server.engine_reports),
        "workers": server.capacity.workers,
        "batching": asdict(server.capacity.batching),
        "model_stores": places(settings.stores),
        "models": sorted(settings.wanted.only or ()),
        "stored_models": settings.stores.names(),
    }


def _prepare_database(supervisor: Supervisor, app: webapp.WebApp, data: DataFolder) -> None:
    """Migrate the database, and clean up after a crash."""
    supervisor.start_task(
        "Preparing the database",
        app.set_up_command(),
        log=data.logs / "setup.log",
        environment=app.environment,
        folder=webapp.ROOT,
    ).wait()


def _start_page(
    supervisor: Supervisor, app: webapp.WebApp, data: DataFolder, announce: Announcer
) -> Task | None:
    """Begin to build the page if its sources have changed; None if it is built."""
    if page.is_built():
        return None
    announce("Building the page (half a minute the first time)")
    return supervisor.start_task(
        "Building the page",
        app.page_command(),
        log=data.logs / "page.log",
        environment=app.environment,
        folder=webapp.ROOT,
    )


def _wait_for_page(task: Task | None, announce: Announcer) -> None:
    """Wait until the page is built. If that fails the stack starts nevertheless, as the rest works."""
    if task is None:
        return
    try:
        task.wait()
    except StackFailed:
        raise
    except OperationsError as error:
        announce(f"{error}\nThe stack starts without the new page; the next ./retinote up tries again.")
