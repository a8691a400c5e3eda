"""Starts a whole stack and keeps it running until it is asked to stop."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from operations import mongodb, page
from operations.errors import OperationsError
from operations.models.served import reconciling, seed_shared, served_models
from operations.stack import ports, services, webapp
from operations.stack.database import OwnDatabase
from operations.stack.folder import DataFolder, write_private, write_state
from operations.stack.service import StackFailed, Status
from operations.stack.stores import places
from operations.stack.supervisor import StopRequested, Supervisor, Task
from operations.unread import check
from serving import torchserve
from serving.capacity import Capacity
from serving.shared.place import is_url
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


class Announcer:
    """Prints lines on the terminal and appends them to the stack's log."""

    def __init__(self, terminal: TextIO, log: Path) -> None:
        self._terminal = terminal
        self._log = log

    def __call__(self, line: str) -> None:
        self.terminal_only(line)
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")
        except OSError:
            pass  # a full disk must not stop the stack

    def terminal_only(self, line: str) -> None:
        """Print a line that must not be in the log, such as a password."""
        try:
            print(line, file=self._terminal, flush=True)
        except (OSError, ValueError):
            pass  # the terminal is closed


class State:
    """The state of this stack, in a file for the other commands."""

    def __init__(self, data: DataFolder, facts: dict[str, Any]) -> None:
        self._data = data
        self._facts = facts | {"pid": os.getpid(), "started": time.time(), "ready": False, "services": []}
        self._write()

    def services_changed(self, statuses: list[Status]) -> None:
        """Record the statuses of all services."""
        self._facts["services"] = [asdict(status) for status in statuses]
        self._write()

    def became_ready(self) -> None:
        """Record that everything has been ready."""
        self._facts["ready"] = True
        self._write()

    def _write(self) -> None:
        try:
            write_state(self._data, self._facts)
        except OSError:
            pass  # a full disk must not stop the stack


def run(settings: Settings, terminal: TextIO, when_ready: Callable[[], None] = lambda: None) -> bool:
    """Start everything, print how to sign in, call `when_ready`, and keep it running until a signal comes.

    Returns whether it was ready before the signal. Raises OperationsError if it can't be started or kept running.
    Nothing is left running in any case.
    """
    data = settings.data
    data.make()
    announce = Announcer(terminal, data.stack_log)
    lock = data.hold(announce)
    chosen = ports.choose(settings.host, settings.port, settings.ports)
    if settings.dicom_host:
        chosen["dicom"] = ports.choose_dicom(settings.dicom_host, settings.dicom_port, chosen["web"])
    server = _model_server(data, chosen, load_tuned(data.tuning, announce))
    # Checked first, so that an error comes before half of the stack has been started.
    seed_shared(settings.stores, data, announce, settings.wanted)
    checked = served_models(server, settings.stores, data, announce, settings.wanted)
    checked.decide()
    checked.tell_left_out()
    if settings.mongodb_uri:
        mongodb.answers_as_primary(settings.mongodb_uri)
    database = OwnDatabase(data, chosen["mongodb"])
    uri = settings.mongodb_uri or database.address()
    write_private(data.mongodb_address, uri)
    app = _web_app(settings, chosen, server, uri)
    state = State(data, _facts(app, chosen, server, settings))
    password = None
    try:
        with Supervisor(announce, state.services_changed, kept_open=[lock]) as supervisor:
            supervisor.catch_signals()
            announce(f"Starting a stack on {data.path}")
            if not settings.mongodb_uri:
                supervisor.start(services.mongodb_service(database))
            models = served_models(server, settings.stores, data, supervisor.say, settings.wanted)
            supervisor.start(services.model_server_service(server, models))
            page_task = _start_page(supervisor, app, data, announce)
            if not settings.mongodb_uri:
                supervisor.wait_ready(services.MONGODB)
            _prepare_database(supervisor, app, data)
            supervisor.start(services.worker_service(app, data.logs))
            if app.learns:
                supervisor.start(services.trainer_service(app, data.logs))
            if settings.dicom_host:
                supervisor.start(
                    services.receiver_service(app, data.logs, settings.dicom_host, chosen["dicom"])
                )
            _wait_for_page(page_task, announce)
            supervisor.start(services.web_service(app, data.logs))  # it looks at its start for the page
            password = _make_first_administrator(supervisor, app, data)
            supervisor.wait_ready()
            state.became_ready()
            _welcome(announce, app, settings, password, chosen.get("dicom"))
            password = None
            when_ready()
            with reconciling(server, settings.stores, data, models, supervisor.say, settings.wanted):
                supervisor.run()
            announce("Stopping")
    except StopRequested:
        announce("Stopped before everything was ready")
        return False
    finally:
        if password:  # the account was made, and the password would be lost
            announce.terminal_only(_sign_in(password))
        data.state.unlink(missing_ok=True)
        data.mongodb_address.unlink(missing_ok=True)
        server.clean()
    announce("Stopped")
    return True


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


def _facts(
    app: webapp.WebApp, chosen: Mapping[str, int], server: torchserve.TorchServe, settings: Settings
) -> dict[str, Any]:
    """The facts about this stack that other commands need."""
    return {
        "url": app.url,
        "ports": dict(chosen),
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


def _make_first_administrator(supervisor: Supervisor, app: webapp.WebApp, data: DataFolder) -> str | None:
    """Make the first administrator, once for each data folder. Returns the new password, or None."""
    if data.administrator_note.exists():
        return None
    password = webapp.new_password()
    made = subprocess.run(
        webapp.django("create_user", webapp.FIRST_ADMINISTRATOR, "--role", "administrator"),
        input=f"{password}\n",
        env=app.environment,
        cwd=webapp.ROOT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # so that Ctrl-C in the terminal reaches just the supervisor
    )
    if made.returncode:
        reason = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        supervisor.say(f"No first administrator was made: {reason}")
        return None
    data.administrator_note.touch(mode=0o600)
    return password


def _welcome(
    announce: Announcer, app: webapp.WebApp, settings: Settings, password: str | None, dicom_port: int | None
) -> None:
    announce(f"Retinote is ready: {app.url}")
    if others := webapp.answered_hosts(app.host, settings.names):
        where = " or ".join(f"http://{name}:{app.port}/" for name in others)
        announce(f"  From other computers {where}; --allowed-host adds a name or address")
    if settings.dicom_host:
        announce(
            f"  DICOM from {settings.dicom_host} port {dicom_port}; Senders in the administration says who may send"
        )
    if password:
        announce.terminal_only(_sign_in(password))
    else:
        announce.terminal_only(
            "  Sign in with your account; ./retinote user create NAME --role ROLE makes another"
        )
    announce.terminal_only(
        f"  Administration {app.url}admin/, interface {app.url}api/docs/, logs {settings.data.logs}"
    )


def _sign_in(password: str) -> str:
    return f"  Sign in as {webapp.FIRST_ADMINISTRATOR} with the password {password} (shown only now: note it)"


def running_environment(
    data: DataFolder, state: Mapping[str, Any], inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment for another process of a running stack's web app."""
    return webapp.environment(
        data=data.path,
        secret_key=data.secret_key(),
        mongodb_uri=data.database_address(),
        model_url=state["inference_url"],
        management_url=state["management_url"],
        key_file=Path(state["key_file"]),
        model_metrics=Path(state["metrics_socket"]),
        # A stack of an earlier version has no such entry.
        calibration=Path(state.get("calibration", data.calibration)),
        model_store=next(filter(is_url, state["model_stores"]), ""),
        models=state.get("models", []),
        stored_models=state.get("stored_models", []),
        inherited=inherited,
    )


def manage(data: DataFolder, state: Mapping[str, Any], arguments: list[str]) -> int:
    """Run a management command of the web app for a running stack. Returns its exit status."""
    command = webapp.django(*arguments)
    environment = running_environment(data, state)
    return check(subprocess.run(command, env=environment, cwd=webapp.ROOT, check=False).returncode)
