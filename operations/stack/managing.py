"""Management commands of the web app for a running stack."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operations.stack import webapp
from operations.stack.folder import DataFolder
from operations.stack.state import where_it_is
from operations.unread import check
from serving.shared.place import is_url


def manage(data: DataFolder, state: Mapping[str, Any], arguments: list[str]) -> int:
    """Run a management command of the web app for a running stack. Returns its exit status."""
    command = webapp.django(*arguments)
    environment = running_environment(data, state)
    return check(subprocess.run(command, env=environment, cwd=webapp.ROOT, check=False).returncode)


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
        inherited=where_it_is(state, inherited),
    )
