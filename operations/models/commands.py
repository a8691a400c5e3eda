"""The command `models`: shows and changes which versions are in the model stores, and which of them a stack serves."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handlers.card import CardError, ModelCard
from operations.errors import OperationsError
from operations.models.decisions import Decisions, RunningStack, StoppedStack, one_at_a_time, served
from operations.models.describing import differences, facts, label_changes, overview, state_of
from operations.models.gate import add_gate_options, add_override_option, make_gate
from operations.models.rollout import (
    add_canary_options,
    add_shadow_options,
    canary,
    refuse_if_tried,
    repredict,
    shadow,
    trials,
)
from operations.models.shared import SharedStack
from operations.models.shared import overview as shared_overview
from operations.stack.folder import DataFolder, make_private
from operations.stack.options import add_data_option, add_store_option
from operations.stack.stores import registry_of, stores_of
from operations.table import print_table
from serving.archive import CARD
from serving.importing import import_model
from serving.registry import Registry
from serving.removing import remove_model
from serving.set_aside import SetAside
from serving.shared.store import SharedStores
from serving.stores import ModelStores


@dataclass(frozen=True)
class Action:
    """An action of `models`: its function, its line in the help, its arguments, and further sentences of its help."""

    run: Callable[[argparse.Namespace], int]
    help: str
    arguments: tuple[str, ...] = ("name", "version")
    more: str = ""
    in_a_store: bool = True
    """Whether it reads the stores even without a running stack, and so has the option --model-store."""
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    """Declares further options."""


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `models` and its actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, what in ACTIONS.items():
        text = f"{what.help[0].upper()}{what.help[1:]}. {what.more}".strip()
        action = actions.add_parser(name, help=what.help, description=text)
        action.set_defaults(run=what.run)
        for argument in what.arguments:
            kind, metavar, description = ARGUMENTS[argument]
            action.add_argument(argument, type=kind, metavar=metavar, help=description)
        if name == "build":
            action.add_argument(
                "--out", type=Path, metavar="DIR", help="folder for the archive (default: the stack's)"
            )
        what.options(action)
        if what.in_a_store:
            add_store_option(action, "the stack's")
        add_data_option(action)


def models(arguments: argparse.Namespace) -> int:
    """Run the chosen action."""
    status: int = arguments.run(arguments)
    return status


def build(arguments: argparse.Namespace) -> int:
    """Build the archive of a version. It needs no stack."""
    data, stores = _place(arguments)
    print(stores.build(arguments.name, arguments.version, arguments.out or data.archives))
    return 0


def list_versions(arguments: argparse.Namespace) -> int:
    """Print the versions in the stores and, if a stack runs, which of them it serves."""
    data, stores = _place(arguments)
    if isinstance(stores, SharedStores):
        rows, problems = shared_overview(SharedStack(data, stores))
    else:
        rows, problems = overview(stores, Registry(data.registry), SetAside(data.set_aside), served(data))
    if len(rows) == 1:
        print(f"There are no models in {stores.place}.")
    else:
        print_table(rows)
    for problem in problems:
        print(problem)
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print the folder of a version, whether it is served, what is wrong with it, and its card."""
    data, stores = _place(arguments)
    name, version = arguments.name, arguments.version
    now = served(data)
    rows = state_of(stores, registry_of(data, stores), SetAside(data.set_aside), now, name, version)
    holder = stores.holder(name, version)
    if holder is None and (name, version) not in now:
        raise OperationsError(str(stores.problem(name, version)))
    print_table(rows)
    if holder is not None:
        try:
            print_table([("", ""), *facts(ModelCard.load(holder / CARD))])
        except CardError:
            pass  # the row "problem" says so
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """Print the differences between the cards of two versions."""
    _, stores = _place(arguments)
    first, second = (
        _card(stores, arguments.name, version) for version in (arguments.version, arguments.other)
    )
    rows = differences(first, second)
    if len(rows) == 1:
        print(f"The cards of {first.name} {first.version} and {second.version} say the same.")
    else:
        print_table(rows)
    for sentence in label_changes(first, second):
        print(sentence)
    return 0


def import_(arguments: argparse.Namespace) -> int:
    """Import a model from elsewhere into the data folder's store. It needs no stack."""
    data, stores = _place(arguments)
    make_private(data.torchserve)
    if isinstance(stores, SharedStores):
        print(
            f"{SharedStack(data, stores).import_model(arguments.source)} To serve it: ./retinote models register"
        )
        return 0
    card = import_model(arguments.source, data.model_store, ModelStores(stores.folders[:-1]))
    with Decisions(data, stores).noted("import", card.name, card.version):
        pass
    print(
        f"{card.name} {card.version} is in {data.model_store}, its weights are those of its card, and it answers. "
        f"To serve it: ./retinote models register {card.name} {card.version}"
    )
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Delete a version from the data folder's store."""
    data, stores = _place(arguments)
    if isinstance(stores, SharedStores):
        place = SharedStack(data, stores).remove(arguments.name, arguments.version)
        print(f"{arguments.name} {arguments.version} is deleted from {place}.")
        return 0
    # So that the record has the weights of the deleted version, even if another store has one of that name.
    own = ModelStores([data.model_store])
    with Decisions(data, own).noted("remove", arguments.name, arguments.version):
        folder = remove_model(
            data.model_store,
            arguments.name,
            arguments.version,
            archives=data.archives,
            stores=stores,
            registry=Registry(data.registry),
            set_aside=SetAside(data.set_aside),
            served=served(data),
        )
    print(f"{arguments.name} {arguments.version} is deleted from {folder}.")
    return 0


def register(arguments: argparse.Namespace) -> int:
    """Serve a version beside the default."""
    data, stores = _place(arguments)
    if isinstance(stores, SharedStores):
        SharedStack(data, stores).register(arguments.name, arguments.version)
        print(f"{arguments.name} {arguments.version} is served by all model servers on {stores.place}")
        return 0
    stack = RunningStack(data)
    stack.register(arguments.name, arguments.version)
    print(f"{arguments.name} {arguments.version} is served at {stack.url(arguments.name, arguments.version)}")
    return 0


def gate(arguments: argparse.Namespace) -> int:
    """Compare a version with the one that answers; 0 if it is passed, 1 if not. It needs no stack."""
    data, stores = _place(arguments)
    return make_gate(data, stores, arguments)


def promote(arguments: argparse.Namespace) -> int:
    """Make a version the default."""
    return _change(
        arguments,
        lambda stack: stack.make_default("promote", arguments.name, arguments.version, arguments.override),
    )


def rollback(arguments: argparse.Namespace) -> int:
    """Make the previous default the default again."""
    status = _change(
        arguments,
        lambda stack: stack.make_default("rollback", arguments.name, stack.earlier_default(arguments.name)),
    )
    print(
        "What the withdrawn version has said is marked within seconds, once the worker runs; to have it predicted again: "
        f"./retinote models repredict {arguments.name}"
    )
    return status


def retire(arguments: argparse.Namespace) -> int:
    """Stop serving a version."""

    def change(stack: RunningStack | StoppedStack | SharedStack) -> None:
        if isinstance(stack, RunningStack):
            stack.check_retired(arguments.name, arguments.version)
            refuse_if_tried(stack.data, arguments.name, arguments.version)
        stack.retire(arguments.name, arguments.version)

    status = _change(arguments, change)
    print(f"{arguments.name} {arguments.version} is no longer served; it stays in the store.")
    return status


ARGUMENTS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "name": (str, "NAME", "the model, such as retina-oct"),
    "version": (str, "VERSION", "such as 1.0.0"),
    "other": (str, "OTHER", "the version to compare it with"),
    "source": (Path, "PATH", "a folder with model.json and weights, or a .mar"),
}
ACTIONS = {
    "build": Action(build, "make the archive (.mar) of a version"),
    "list": Action(
        list_versions, "list the versions in the stores, which of them are served, and which are broken", ()
    ),
    "show": Action(show, "print a version's card and folder, whether it is served, and why not"),
    "diff": Action(
        diff,
        "print the differences between the cards of two versions: labels, metrics, data, and all else",
        ("name", "version", "other"),
    ),
    "register": Action(register, "serve a version beside the default; callers reach it by naming it"),
    "gate": Action(
        gate,
        "compare a version with the one that answers, on test sets and stored scans; promote asks for that",
        more="Answers, confidence, heat maps, strangers, time and memory must not be worse than margins with reasons "
        "allow (training/gate/margins.toml). Writes gate.json, gate.html and gate.pdf into DIR/learning/gates. Exit "
        "status 0: passed, 1: not passed, 2: could not be compared.",
        options=add_gate_options,
    ),
    "promote": Action(
        promote,
        "make a version that has passed its gate the one that answers by default; it is registered first if needed",
        more="If no stack runs, it is tried out, and answers from the next start on. The first version of a model needs "
        "no gate.",
        options=add_override_option,
    ),
    "rollback": Action(
        rollback,
        "make the previous default the default again",
        ("name",),
        more="If no stack runs, it answers from the next start on.",
    ),
    "shadow": Action(
        shadow,
        "have a version answer copies of the web app's scans, for nobody to see; --stop ends it",
        more="The version has to be registered, with the labels of the default. It answers in the background, once the "
        "user has been answered. ./retinote models trials and the administration compare it with what was given.",
        in_a_store=False,
        options=add_shadow_options,
    ),
    "canary": Action(
        canary,
        "have a version answer a share of the patients, which grows in stages; --stop ends it",
        more="Each patient keeps to one version while the share grows. Guardrails stop it within a minute. At 100 % it is "
        "promoted. What can't be honoured is refused.",
        in_a_store=False,
        options=add_canary_options,
    ),
    "trials": Action(
        trials, "list what runs in shadow or as canary, and the withdrawn versions", (), in_a_store=False
    ),
    "repredict": Action(
        repredict,
        "predict again what withdrawn versions of a model have answered",
        ("name",),
        more="The worker does it. Earlier answers are kept in each scan's history.",
        in_a_store=False,
    ),
    "import": Action(
        import_,
        "import a model from elsewhere into the data folder's store, if its files are those of its card and it answers "
        "a made-up scan",
        ("source",),
        more="It is not served before it is registered, and does not answer by default before it is promoted.",
    ),
    "retire": Action(
        retire,
        "stop serving a version, once it has answered all requests",
        more="The default can be retired only as the last version of a model, while other models are served. The model then "
        "stays away, also after a restart, until a version of it is promoted.",
    ),
    "remove": Action(
        remove,
        "delete a version from the data folder's store",
        more="A version that is served has to be retired first. Versions in another store are left alone.",
    ),
}


def _place(arguments: argparse.Namespace) -> tuple[DataFolder, ModelStores]:
    """The data folder and its stores."""
    data = DataFolder(arguments.data_dir)
    return data, stores_of(data, arguments.model_store)


def _card(stores: ModelStores, name: str, version: str) -> ModelCard:
    holder = stores.holder(name, version)
    if holder is None:
        raise OperationsError(str(stores.problem(name, version)))
    return ModelCard.load(holder / CARD)


def _change(
    arguments: argparse.Namespace, change: Callable[[RunningStack | StoppedStack | SharedStack], None]
) -> int:
    """Make a change to the stack on the data folder, running or not, or to all model servers on a shared store."""
    data, stores = _place(arguments)
    with one_at_a_time(data):
        if isinstance(stores, SharedStores):
            change(SharedStack(data, stores))
        elif data.is_held():
            change(RunningStack(data))
        else:
            with StoppedStack(data, stores) as stopped:
                change(stopped)
    return 0
