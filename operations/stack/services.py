"""The services of a stack."""

import os
from pathlib import Path

from operations import mongodb
from operations.stack.database import OwnDatabase
from operations.stack.service import CannotRun, Service
from operations.stack.webapp import ROOT, TRAINER_NAME, WebApp, WorkerPing, takes_connections
from serving.served_models import CannotServe, ServedModels
from serving.torchserve import STARTUP_TIMEOUT_S, TorchServe

MONGODB, MODEL_SERVER, WEB, WORKER, RECEIVER = "MongoDB", "model server", "web app", "worker", "receiver"
TRAINER = "trainer"


def mongodb_service(database: OwnDatabase) -> Service:
    """The data folder's own MongoDB server. Raises OperationsError if no server program can run here."""
    folder = database.data
    program = mongodb.find_mongod(folder.run / "lib")
    return Service(
        name=MONGODB,
        command=lambda: database.command(program),
        log=folder.logs / "mongodb.log",
        probe=database.is_ready,
        environment=os.environ | dict(program.variables),
        address=f"127.0.0.1:{database.port}",
        grace_s=30.0,
    )


def model_server_service(server: TorchServe, models: ServedModels) -> Service:
    """TorchServe with the models of the registry."""

    def are_served() -> bool:
        try:
            return models.are_served()
        except CannotServe as error:
            raise CannotRun(str(error)) from error

    return Service(
        name=MODEL_SERVER,
        command=server.command,
        log=server.logs / "torchserve-console.log",
        probe=are_served,
        alive=models.server_answers,
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
        needs=(MONGODB, MODEL_SERVER),  # if one hangs, all threads may be waiting for it
        environment=app.environment,
        folder=ROOT,
        address=app.url,
        grace_s=10.0,
    )


def worker_service(app: WebApp, logs: Path) -> Service:
    """The Celery worker. A task that doesn't finish before a stop is noted in the scan's document and done later."""
    ping = WorkerPing(app.environment["RETINOTE_BROKER_URL"])
    return Service(
        name=WORKER,
        command=app.worker_command,
        log=logs / "worker.log",
        probe=ping,
        needs=(MONGODB,),
        prepare=ping.forget,
        environment=app.environment,
        folder=ROOT,
        # Without its broker the worker would never end. Tasks that it drops are noted in the scans' documents.
        grace_s=8.0,
    )


def trainer_service(app: WebApp, logs: Path) -> Service:
    """The Celery worker for learning runs. A run that a stop interrupts is gone on with at the next start."""
    ping = WorkerPing(app.environment["RETINOTE_BROKER_URL"], TRAINER_NAME)
    return Service(
        name=TRAINER,
        command=app.trainer_command,
        log=logs / "trainer.log",
        probe=ping,
        needs=(MONGODB,),
        prepare=ping.forget,
        environment=app.environment,
        folder=ROOT,
        grace_s=8.0,
    )


def receiver_service(app: WebApp, logs: Path, host: str, port: int) -> Service:
    """The DICOM receiver. What it was receiving when it stops was not answered, so that the sender sends it again."""
    return Service(
        name=RECEIVER,
        command=lambda: app.receiver_command(host, port),
        log=logs / "receiver.log",
        probe=lambda: takes_connections(host, port),
        needs=(MONGODB,),
        environment=app.environment,
        folder=ROOT,
        address=f"{host}:{port}",
        grace_s=5.0,
    )
