"""The web app's container: one image, which of its processes runs is the argument.

    python -m operations.container.web web        gunicorn on port 8000
    python -m operations.container.web worker     the Celery worker, with the clock of periodic tasks
    python -m operations.container.web migrate    prepares MongoDB and brings the database up to date, then ends
    python -m operations.container.web prepare    prepares MongoDB and stays, as a neighbour of it in a Kubernetes pod
    python -m operations.container.web check      exit status 0 when the web app on this machine answers

`web` and `worker` begin once the database is as this version of the code wants it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from operations.container.database import Accounts, prepare
from operations.errors import OperationsError
from operations.stack.webapp import ROOT, WebApp, django

PORT = 8000
# A file system of this container alone, in memory.
RUN_FOLDER = Path("/tmp")  # nosec B108
DATABASE_TIMEOUT_S = 300.0
POLL_S = 2.0
COMMANDS = ("web", "worker", "migrate", "prepare", "check")


class NotMigrated(OperationsError):
    """The database is not as this version of the code wants it."""


def wait_for_migrations(timeout_s: float = DATABASE_TIMEOUT_S) -> None:
    """Return once every migration is applied. Raises NotMigrated with Django's last words after `timeout_s`."""
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


def main(arguments: list[str]) -> int:
    """Become the process that was asked for."""
    # The container's network decides who reaches it.
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
                wait_for_migrations()
                command = app.web_command()
            case ["worker"]:
                wait_for_migrations()
                command = app.worker_command()
            case _:
                print(f"retinote: say one of {', '.join(COMMANDS)}", file=sys.stderr)
                return 2
    except OperationsError as error:
        print(f"retinote: {error}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
