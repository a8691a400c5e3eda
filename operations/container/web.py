"""The web app's container: one image, whose argument selects the process.

    python -m operations.container.web web        gunicorn on port 8000
    python -m operations.container.web worker     the Celery worker, which schedules periodic tasks, too
    python -m operations.container.web trainer    the Celery worker that does learning runs, in an image with PyTorch
    python -m operations.container.web receiver   the DICOM receiver on port 11112
    python -m operations.container.web migrate    prepares MongoDB, migrates the database, and ends
    python -m operations.container.web prepare    prepares MongoDB and stays, as a sidecar of it in a Kubernetes pod
    python -m operations.container.web check      exits with 0 if the web app on this machine answers

`web`, `worker`, `trainer` and `receiver` wait until all migrations of this version are applied.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from operations.container.database import Accounts, prepare
from operations.errors import OperationsError
from operations.stack.webapp import ROOT, WebApp, django

PORT, DICOM_PORT = 8000, 11112
# A file system in memory that belongs to this container alone.
RUN_FOLDER = Path("/tmp")  # nosec B108
SPOOLED = "tmp*.upload*"
"""Names that uploads above two megabytes had in the folder of temporary files up to version 0.2."""
DATABASE_TIMEOUT_S = 300.0
POLL_S = 2.0
COMMANDS = ("web", "worker", "trainer", "receiver", "migrate", "prepare", "check")


class NotMigrated(OperationsError):
    """Not all migrations of this version are applied."""


def wait_for_migrations(timeout_s: float = DATABASE_TIMEOUT_S) -> None:
    """Wait until every migration is applied. Raises NotMigrated, with Django's last line, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        checked = subprocess.run(
            django("migrate", "--check"), cwd=ROOT, capture_output=True, text=True, check=False
        )
        if checked.returncode == 0:
            return
        if time.monotonic() > deadline:
            last = (checked.stderr.strip() or checked.stdout.strip()).splitlines()[-1:]
            raise NotMigrated(
                f"The database was not ready within {timeout_s:.0f} s: {' '.join(last)}. Has `migrate` run?"
            )
        time.sleep(POLL_S)


def remove_spooled_uploads() -> None:
    """Remove what a killed web app of an earlier version has left of uploads: the folder is this container's own."""
    for spooled in Path(tempfile.gettempdir()).glob(SPOOLED):
        spooled.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Become the process that the argument selects."""
    # The container's network decides who can reach it.
    app = WebApp(host="0.0.0.0", port=PORT, environment={}, run_folder=RUN_FOLDER)  # nosec B104
    try:
        match arguments:
            case ["check"]:
                loopback = WebApp(host="127.0.0.1", port=PORT, environment={}, run_folder=RUN_FOLDER)
                return 0 if loopback.web_answers() else 1
            case ["migrate"]:
                if accounts := Accounts.from_environment(os.environ):
                    prepare(accounts)
                command = app.set_up_command()
            case ["prepare"]:
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                if accounts := Accounts.from_environment(os.environ):
                    prepare(accounts)
                while True:
                    signal.pause()
            case ["web"]:
                remove_spooled_uploads()
                wait_for_migrations()
                command = app.web_command()
            case ["worker"]:
                wait_for_migrations()
                command = app.worker_command()
            case ["trainer"]:
                wait_for_migrations()
                command = app.trainer_command()
            case ["receiver"]:
                wait_for_migrations()
                command = app.receiver_command(app.host, DICOM_PORT)
            case _:
                print(f"retinote: say one of {', '.join(COMMANDS)}", file=sys.stderr)
                return 2
    except OperationsError as error:
        print(f"retinote: {error}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
