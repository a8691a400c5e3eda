"""The model server's container: starts TorchServe, makes it serve the registry's models, and publishes its key.

    python -m operations.container.model_server            run
    python -m operations.container.model_server check      exits with 0 if predictions are served

Management stays on loopback, so models are changed by `retinote models …` in this container. With RETINOTE_MODEL_STORE
any number of these containers serve what the registry of that store says, and follow it (serving/shared). Of TorchServe's files the
web app's container sees just the inference key, in a folder that both mount.
"""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import requests

from operations.errors import EXPECTED
from operations.models.served import reconciling, seed_shared, served_models
from operations.models.wanted import wanted_models
from operations.stack.folder import DataFolder, write_state
from operations.stack.stores import places, wanted_stores
from serving.direct import ask
from serving.errors import ServingError
from serving.keys import InferenceKey, KeyUnavailable, keep_fresh, publish
from serving.stores import ModelStores
from serving.torchserve import Ports, TorchServe
from serving.tuning import load_tuned

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "var"
PORTS = Ports(inference=8080, management=8081, metrics=8082, grpc_inference=7070, grpc_management=7071)
PUBLISHED_KEY = "RETINOTE_PUBLISHED_KEY"
"""The variable with the file for the inference key. Without it callers need no key, so the network must be private."""
SERVED = "served"
"""A file in TorchServe's folder that exists once the models are served."""
POLL_S = 0.5
LOOK_AT_KEYS_S = 30.0
GRACE_S = 20.0
CHECK_TIMEOUT_S = 4.0


def run(data: DataFolder, stores: ModelStores, published_key: Path | None) -> int:
    """Run TorchServe until a signal comes or it ends. Returns the exit status. Raises one of EXPECTED."""
    data.make()
    lock = data.hold(_say)
    server = _server(data, published_key is not None)
    wanted = wanted_models([])
    seed_shared(stores, data, _say, wanted)
    models = served_models(server, stores, data, _say, wanted)
    served = server.home / SERVED
    served.unlink(missing_ok=True)
    if published_key:
        published_key.unlink(missing_ok=True)
    models.prepare()
    models.tell_left_out()
    process = subprocess.Popen(server.command(), cwd=server.home, env=server.environment())
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        write_state(data, _facts(server, stores))
        while process.poll() is None and not stopped.is_set() and not models.are_served():
            stopped.wait(POLL_S)
        if process.poll() is None and not stopped.is_set():
            if published_key:
                publish(server.key_file, published_key)
            served.touch()
            _say("The models are served")
        with reconciling(server, stores, data, models, _say, wanted):
            while process.poll() is None and not stopped.wait(LOOK_AT_KEYS_S):
                models.tell_of_engines()
                if published_key:
                    _look_at_keys(server, published_key)
    finally:
        served.unlink(missing_ok=True)
        status = _stop(process)
        server.clean()
        data.state.unlink(missing_ok=True)
        os.close(lock)
    return 0 if stopped.is_set() else status or 1


def _look_at_keys(server: TorchServe, published_key: Path) -> None:
    try:
        keep_fresh(server.key_file, server.management_url, published_key)
    except KeyUnavailable as error:  # the next look tries again
        _say(f"The keys could not be checked: {error}")


def check(home: Path, key_file: Path | None) -> bool:
    """Whether the models were served and all of the server's workers answer."""
    if not (home / SERVED).exists():
        return False
    try:
        headers = InferenceKey(key_file, "").headers()
        answer = ask(
            "GET", f"http://127.0.0.1:{PORTS.inference}/ping", headers=headers, timeout=CHECK_TIMEOUT_S
        )
    except (requests.RequestException, ServingError):
        return False
    return bool(answer.status_code == requests.codes.ok)


def _server(data: DataFolder, asks_for_key: bool) -> TorchServe:
    return TorchServe(
        home=data.torchserve,
        archives=data.archives,
        logs=data.logs,
        ports=PORTS,
        capacity=load_tuned(data.tuning, _say),
        # The container's network decides who can reach it.
        listens_on="0.0.0.0",  # nosec B104
        asks_for_key=asks_for_key,
        calibration=data.calibration,
        logs_to_console=True,
    )


def _facts(server: TorchServe, stores: ModelStores) -> dict[str, object]:
    """The facts that `retinote models` in this container needs."""
    return {
        "pid": os.getpid(),
        "ready": True,
        "inference_url": server.inference_url,
        "management_url": server.management_url,
        "key_file": str(server.key_file),
        "engine_reports": str(server.engine_reports),
        "workers": server.capacity.workers,
        "batching": asdict(server.capacity.batching),
        "model_stores": places(stores),
    }


def _stop(process: "subprocess.Popen[bytes]") -> int:
    """End TorchServe and its workers. Returns the exit status."""
    process.terminate()
    try:
        return process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _say(line: str) -> None:
    print(f"retinote: {line}", flush=True)


def main(arguments: list[str]) -> int:
    """Run or check, by the environment's variables."""
    data = DataFolder(DATA)
    target = os.environ.get(PUBLISHED_KEY)
    published = Path(target) if target else None
    if arguments == ["check"]:
        return 0 if check(data.torchserve, published) else 1
    try:
        return run(data, wanted_stores(data, None), published)
    except (*EXPECTED, OSError) as error:
        print(f"retinote: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
