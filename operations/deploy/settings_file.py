"""The file `.env` beside docker-compose.yml: an installation's settings and secrets."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from operations.errors import OperationsError

NAME = ".env"
SECRETS = (
    "RETINOTE_SECRET_KEY",
    "MONGODB_ROOT_PASSWORD",
    "MONGODB_PASSWORD",
    "MONGODB_REPLICA_KEY",
    "REDIS_PASSWORD",
    "RETINOTE_GATEWAY_SECRET",
    "RETINOTE_METRICS_TOKEN",
    "GRAFANA_PASSWORD",
)
SECRET_BYTES = 36
REPLICA_KEY_BYTES = 96


def new_secrets() -> dict[str, str]:
    """A new value for each secret, of characters that need no quoting in `.env` and no escaping in addresses."""
    values = {name: secrets.token_urlsafe(SECRET_BYTES) for name in SECRETS}
    values["MONGODB_REPLICA_KEY"] = new_replica_key()
    return values


def new_replica_key() -> str:
    """The content of a new key file for MongoDB, which may have base64's characters only."""
    return base64.b64encode(secrets.token_bytes(REPLICA_KEY_BYTES)).decode()


def write(path: Path, settings: Mapping[str, str]) -> None:
    """Write the file, for its owner alone, in a folder that is made if need be, for its owner alone, too.

    Raises OperationsError if the file exists, as its secrets are in use.
    """
    text = "# Made by ./retinote deploy init. Keep a copy in a safe place, but not together with the backups: whoever has\n"
    text += "# both has everything, and without these secrets the database of a backup of whole volumes can't be opened.\n"
    text += "# docs/settings.md explains each variable.\n"
    text += "".join(f"{name}={value}\n" for name, value in settings.items())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise OperationsError(
            f"{path} is there already and was left as it is: the database was made with its secrets. "
            "Move it away to start over."
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def read(path: Path) -> dict[str, str]:
    """The variables of the file. Raises OperationsError if it can't be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise OperationsError(
            f"{path} can't be read ({error.strerror}); ./retinote deploy init makes it."
        ) from error
    settings = {}
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            settings[name.strip()] = value.strip().strip("'\"")
    return settings
