"""The command `models`: what is in the model store, and what a running stack serves of it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.capacity import Batching
from serving.changes import note
from serving.errors import ServingError
from serving.importing import import_model
from serving.keys import ManagementKey
from serving.management import (
    AlreadyRegistered,
    IsDefault,
    ManagementClient,
    ModelVersion,
    NotRegistered,
    WorkersFailed,
)
from serving.processes import last_lines
from serving.registry import Registry
from serving.stack.commands import ROOT, add_data_option, print_table
from serving.stack.folder import DataFolder, make_private, running_state
from serving.stores import ModelStores


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `models` and its actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, run, text in (
        ("build", build, "make the archive (.mar) of a version"),
        ("list", list_versions, "versions in the store, and which of them are served"),
        ("register", register, "serve a version beside the default; callers reach it by naming it"),
        ("promote", promote, "make a version the one that answers by default, registered first if need be"),
        ("rollback", rollback, "make the version promoted before the present one the default again"),
        (
            "import",
            import_,
            "take a model from elsewhere into the stack's store, once its weights are those of its card",
        ),
        ("retire", retire, "stop serving a version, once it has answered all it was asked"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.set_defaults(run=run)
        if name == "import":
            action.add_argument(
                "source", type=Path, metavar="PATH", help="a folder with model.json and weights, or a .mar"
            )
        elif name != "list":
            action.add_argument("name", metavar="NAME", help="the model, such as retina-oct")
        if name not in ("list", "rollback", "import"):
            action.add_argument("version", metavar="VERSION")
        if name == "build":
            action.add_argument(
                "--out", type=Path, metavar="DIR", help="folder for the archive (default: the stack's)"
            )
        if name in ("build", "list"):
            action.add_argument(
                "--model-store", type=Path, metavar="DIR", help="where models are (default: the stack's)"
            )
        add_data_option(action)


def models(arguments: argparse.Namespace) -> int:
    """Do what the chosen action does."""
    status: int = arguments.run(arguments)
    return status


def build(arguments: argparse.Namespace) -> int:
    """Make an archive; no stack is needed."""
    data = DataFolder(arguments.data_dir)
    stores = _stores(data, arguments.model_store)
    print(stores.build(arguments.name, arguments.version, arguments.out or data.archives))
    return 0


def list_versions(arguments: argparse.Namespace) -> int:
    """Print what is in the stores and, where a stack runs, what it serves."""
    data = DataFolder(arguments.data_dir)
    stores = _stores(data, arguments.model_store)
    served = _served(data)
    rows = [("model", "version", "served", "workers", "default")]
    for name in sorted({*stores.names(), *(model for model, _ in served)}):
        in_store = stores.versions(name)
        for version in [
            *in_store,
            *(other for model, other in served if model == name and other not in in_store),
        ]:
            record = served.get((name, version))
            rows.append(
                (
                    name,
                    version,
                    record.status if record else "no",
                    str(record.ready_workers) if record else "-",
                    "yes" if record and record.is_default else "",
                )
            )
    if len(rows) == 1:
        print("There are no models in " + " and ".join(str(folder) for folder in stores.folders) + ".")
    else:
        print_table(rows)
    return 0


def register(arguments: argparse.Namespace) -> int:
    """Serve a version beside the default."""
    stack = _Stack(arguments)
    with stack.noted("register", arguments.name, arguments.version):
        stack.register(arguments.name, arguments.version)
    print(f"{arguments.name} {arguments.version} is served at {stack.url(arguments.name, arguments.version)}")
    return 0


def promote(arguments: argparse.Namespace) -> int:
    """Make a version the default."""
    stack = _Stack(arguments)
    with stack.noted("promote", arguments.name, arguments.version):
        if arguments.version not in stack.versions(arguments.name):
            stack.register(arguments.name, arguments.version)
        stack.promote(arguments.name, arguments.version)
    return 0


def rollback(arguments: argparse.Namespace) -> int:
    """Make the version that was promoted before the present default the default again."""
    stack = _Stack(arguments)
    earlier = stack.registry.choice(arguments.name).promoted
    if len(earlier) < 2:
        raise ServingError(f"No version of {arguments.name} was the default before the present one.")
    with stack.noted("rollback", arguments.name, earlier[-2]):
        stack.registry.retired(arguments.name, earlier[-1])
        if earlier[-2] not in stack.versions(arguments.name):
            stack.register(arguments.name, earlier[-2])
        stack.promote(arguments.name, earlier[-2])
    return 0


def retire(arguments: argparse.Namespace) -> int:
    """Stop serving a version."""
    stack = _Stack(arguments)
    default = stack.client.default_version(arguments.name)
    if arguments.version == default:
        raise ServingError(
            f"{arguments.name} {default} answers by default; promote another version first: "
            f"./retinote models promote {arguments.name} VERSION"
        )
    with stack.noted("retire", arguments.name, arguments.version):
        try:
            stack.client.unregister(arguments.name, arguments.version)
        except (NotRegistered, IsDefault) as error:
            raise ServingError(f"{arguments.name} {arguments.version} can't be retired: {error}") from error
        stack.registry.retired(arguments.name, arguments.version)
    print(f"{arguments.name} {arguments.version} is no longer served; it stays in the store.")
    return 0


def import_(arguments: argparse.Namespace) -> int:
    """Take a model from elsewhere into the data folder's store; no stack is needed."""
    data = DataFolder(arguments.data_dir)
    make_private(data.path)
    card = import_model(arguments.source, data.model_store)
    print(
        f"{card.name} {card.version} is in {data.model_store}, its weights are those of its card. "
        f"To serve it: ./retinote models register {card.name} {card.version}"
    )
    return 0


class _Stack:
    """The running stack that a command is about."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.data = DataFolder(arguments.data_dir)
        self.state = running_state(self.data)
        self.client = _client(self.state)
        self.registry = Registry(self.data.registry)
        self.stores = ModelStores(Path(folder) for folder in self.state["model_stores"])

    @contextmanager
    def noted(self, action: str, name: str, version: str) -> Iterator[None]:
        """Note for the audit what is done inside, once it is done."""
        before = self.registry.choice(name)
        yield
        note(
            self.data.changes,
            action,
            name,
            version,
            weights_sha256=self.stores.weights_sha256(name, version),
            before=before,
            after=self.registry.choice(name),
        )

    def versions(self, name: str) -> list[str]:
        """Registered versions of a model; empty when there are none."""
        try:
            return [record.version for record in self.client.versions(name)]
        except NotRegistered:
            return []

    def register(self, name: str, version: str) -> None:
        """Build the archive and have it served. Raises ServingError with the reason when that fails."""
        archive = self.stores.build(name, version, self.data.archives)
        try:
            self.client.register(archive.name, self.state["workers"], Batching(**self.state["batching"]))
        except AlreadyRegistered as error:
            raise ServingError(
                f"{name} {version} is registered already; see ./retinote models list."
            ) from error
        except WorkersFailed as error:
            log = self.data.logs / "torchserve-worker.log"
            raise ServingError(f"{name} {version} was not registered: {error}.\n{last_lines(log)}") from error
        self.registry.registered(name, version)

    def promote(self, name: str, version: str) -> None:
        """Make a registered version the default and remember it."""
        before = self.client.default_version(name)
        if not self.registry.choice(name).promoted:
            self.registry.promoted(name, before)  # so that rollback finds the version that served first
        self.client.promote(name, version)
        self.registry.registered(name, before)  # it stays registered, for rollback without delay
        self.registry.promoted(name, version)
        print(
            f"{name} {version} answers by default now"
            + (f", in place of {before}" if before != version else "")
        )

    def url(self, name: str, version: str) -> str:
        return f"{self.state['inference_url']}/predictions/{name}/{version}"


def _stores(data: DataFolder, store: Path | None) -> ModelStores:
    return ModelStores([store or ROOT / "model_store", data.model_store])


def _client(state: dict[str, Any]) -> ManagementClient:
    url = state["management_url"]
    return ManagementClient(url, ManagementKey(Path(state["key_file"]), url))


def _served(data: DataFolder) -> dict[tuple[str, str], ModelVersion]:
    """What the stack on this folder serves; empty when none runs."""
    try:
        client = _client(running_state(data))
    except ServingError:
        return {}
    return {(name, record.version): record for name in client.models() for record in client.versions(name)}
