"""What a stack says once it is ready, and the account of its first administrator."""

import subprocess
from collections.abc import Sequence

from operations.stack import webapp
from operations.stack.announcer import Announcer
from operations.stack.folder import DataFolder
from operations.stack.supervisor import Supervisor


def make_first_administrator(supervisor: Supervisor, app: webapp.WebApp, data: DataFolder) -> str | None:
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


def welcome(
    announce: Announcer,
    app: webapp.WebApp,
    names: Sequence[str],
    data: DataFolder,
    password: str | None,
    dicom: tuple[str, int] | None,
) -> None:
    """Say where the stack is, by its `names`, too, and how to sign in; `dicom` is where the receiver listens."""
    announce(f"Retinote is ready: {app.url}")
    if others := webapp.answered_hosts(app.host, names):
        where = " or ".join(f"http://{name}:{app.port}/" for name in others)
        announce(f"  From other computers {where}; --allowed-host adds a name or address")
    if dicom:
        host, port = dicom
        announce(f"  DICOM from {host} port {port}; Senders in the administration says who may send")
    if password:
        announce.terminal_only(sign_in(password))
    else:
        announce.terminal_only(
            "  Sign in with your account; ./retinote user create NAME --role ROLE makes another"
        )
    announce.terminal_only(
        f"  Administration {app.url}admin/, interface {app.url}api/docs/, logs {data.logs}"
    )


def sign_in(password: str) -> str:
    """The line that shows the first administrator's password."""
    return f"  Sign in as {webapp.FIRST_ADMINISTRATOR} with the password {password} (shown only now: note it)"
