"""The command line: the list of commands. The module of a command is loaded when the command runs."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
OUR_PACKAGES = (
    "handlers",
    "imaging",
    "modalities",
    "serving",
    "operations",
    "training",
    "benchmarks",
    "docs",
)
FAILED = 2
INTERRUPTED = 130

DESCRIPTION = """\
Retinote reads retinal OCT scans: probabilities per disease, a heat map, expert review.
Research software: what it says is not a diagnosis."""


@dataclass(frozen=True)
class Command:
    """A command: its line in the help, its module, and the functions there that declare its options and run it."""

    help: str
    module: str
    declare: str | None
    run: str


COMMANDS = {
    "up": Command(
        "start everything: database, model server, worker, web app",
        "operations.stack.commands",
        "add_up_arguments",
        "up",
    ),
    "down": Command(
        "stop a stack; its data are kept", "operations.stack.commands", "add_data_option", "down"
    ),
    "status": Command(
        "print what runs (exit status 0: all is ready, 1: something is not, 3: nothing runs)",
        "operations.stack.commands",
        "add_data_option",
        "status",
    ),
    "user": Command(
        "make accounts and adjudicators: user create|appoint|dismiss NAME",
        "operations.stack.user",
        "add_user_arguments",
        "user",
    ),
    "audit": Command(
        "show who did what: audit verify checks the records, list and head print them, lineage follows an answer back",
        "operations.stack.audit",
        "add_audit_arguments",
        "audit",
    ),
    "calibrate": Command(
        "fit the model's answers to this installation's own verified scans, or undo that",
        "operations.stack.calibrate",
        "add_calibrate_arguments",
        "calibrate",
    ),
    "learn": Command(
        "make the next version from what readers verified: learn export|run|status|stop",
        "operations.learn.commands",
        "add_learn_arguments",
        "learn",
    ),
    "pacs": Command(
        "show where results are sent, and try whether a PACS or a FHIR server answers",
        "operations.stack.pacs",
        "add_pacs_arguments",
        "pacs",
    ),
    "clinic-sim": Command(
        "play a clinic on this machine: a device sends volumes, a PACS gets the results",
        "operations.clinic.simulated",
        "add_clinic_arguments",
        "clinic_sim",
    ),
    "models": Command(
        "import, list, show, diff, compare, register, try, promote, roll back, retire and remove model versions",
        "operations.models.commands",
        "add_models_arguments",
        "models",
    ),
    "modality": Command(
        "list and check the modalities, and make the look by which pictures are told apart: modality list|check|look",
        "operations.modality.commands",
        "add_modality_arguments",
        "modality",
    ),
    "key": Command(
        "print the model server's key for other services",
        "operations.stack.commands",
        "add_data_option",
        "key",
    ),
    "backup": Command(
        "write documents, images and models to one file, while the stack runs",
        "operations.backup.commands",
        "add_backup_arguments",
        "backup",
    ),
    "restore": Command(
        "restore a backup; the stack must be stopped",
        "operations.backup.commands",
        "add_restore_arguments",
        "restore",
    ),
    "data": Command(
        "prepare B-scans for training: data import|split|simulate|graft",
        "training.data.commands",
        "add_data_arguments",
        "data",
    ),
    "train": Command(
        "train a network; writes weights and a model card",
        "training.commands",
        "add_train_arguments",
        "train",
    ),
    "last-layer": Command(
        "fit the last layer of a model, or of a pretrained network, by logistic regression",
        "training.last_layer.commands",
        "add_last_layer_arguments",
        "last_layer",
    ),
    "fine-tune": Command(
        "make the next version of a model from verified scans: a frozen data set",
        "training.learning.commands",
        "add_fine_tune_arguments",
        "fine_tune",
    ),
    "evaluate": Command(
        "measure a model on labelled scans; writes a report",
        "training.evaluation.commands",
        "add_evaluate_arguments",
        "evaluate",
    ),
    "statistics": Command(
        "fit the statistics by which a trained model tells whether it knows a scan, and rules labels out",
        "training.statistics.commands",
        "add_statistics_arguments",
        "statistics",
    ),
    "findings": Command(
        "train a decoder by which a trained model maps findings: fluid, drusen, holes",
        "training.findings.commands",
        "add_findings_arguments",
        "findings",
    ),
    "int8": Command(
        "measure the ranges by which a trained model can be served in int8, and check that its answers stay the same",
        "training.int8.commands",
        "add_int8_arguments",
        "int8",
    ),
    "compare": Command(
        "train and measure several architectures under one recipe",
        "training.comparison.commands",
        "add_compare_arguments",
        "compare",
    ),
    "explain": Command(
        "measure heat maps against lesion masks, by several methods",
        "training.explanation.commands",
        "add_explanations_arguments",
        "explanations",
    ),
    "bench": Command(
        "measure speed: in process, over HTTP compared with other servers, through the web app",
        "benchmarks.commands",
        "add_bench_arguments",
        "bench",
    ),
    "sbom": Command(
        "list all packages and models that Retinote is made of (CycloneDX)",
        "operations.sbom",
        "add_sbom_arguments",
        "sbom",
    ),
    "docs": Command(
        "build the docs as a site; --serve shows it, --screenshots renews its pictures",
        "docs.site.commands",
        "add_docs_arguments",
        "docs",
    ),
    "deploy": Command(
        "prepare and check an installation in containers: deploy init|check",
        "operations.deploy.commands",
        "add_deploy_arguments",
        "deploy",
    ),
    "test": Command("run the test suite; further arguments go to pytest", "cli", None, "run_tests"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns its exit status. An expected failure prints one line and returns 2."""
    parser = _parser(chosen=arguments[0] if arguments else None)
    if not arguments:
        parser.print_help()
        return 0
    if arguments[0] == "test":  # all further arguments are pytest's
        known = argparse.Namespace(command="test", rest=list(arguments[1:]))
    else:
        known = parser.parse_args(arguments)
    command = COMMANDS[known.command]
    environment = importlib.import_module("operations.environment")
    ignored = environment.clean(os.environ)
    try:
        if "MONGODB_URI" in ignored and "data_dir" in known:
            print(
                "retinote: MONGODB_URI is ignored; set RETINOTE_MONGODB_URI to use another MongoDB server.",
                file=sys.stderr,
            )
        if "data_dir" in known:
            environment.take_addresses(os.environ)
            # No command trusts a folder that others can write.
            importlib.import_module("operations.stack.privacy").check_private(known.data_dir)
        run: Callable[[argparse.Namespace], int] = _load(command, command.run)
        status = run(known)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError):
            unread = importlib.import_module("operations.unread")
            if unread.is_unread():
                return int(unread.UNREAD)
        if not _is_expected(error):
            raise
        print(f"retinote: {error}", file=sys.stderr)
        return FAILED


def run_tests(arguments: argparse.Namespace) -> NoReturn:
    """Become pytest, in as many processes as are worth starting unless -n is given."""
    options = arguments.rest
    os.chdir(ROOT)
    if not any(option.startswith(("-n", "--numprocesses")) for option in options):
        # The tests of a file or group share what takes long to start, so they run in one process.
        options = ["-n", str(test_processes(options)), "--dist", "loadgroup", *options]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *options])


def test_processes(options: Sequence[str]) -> int:
    """How many processes run the tests that these options of pytest name; 0 for none beside pytest itself.

    It is one more than there are cores, as many tests wait for processes, but no more than there are test files.
    """
    named = [path for option in options if (path := ROOT / option.partition("::")[0]).exists()]
    files = [file for path in named or [ROOT / "tests"] for file in _test_files(path)]
    processes = min(len(os.sched_getaffinity(0)) + 1, len(files))
    return processes if processes > 1 else 0


def _test_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("test_*.py"))


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser with all commands. Only the chosen one is loaded and declares its options."""
    parser = argparse.ArgumentParser(
        prog="./retinote",
        description=DESCRIPTION,
        epilog="./retinote COMMAND --help says more about a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"retinote {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        text = command.help
        subparser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen and command.declare:
            _load(command, command.declare)(subparser)
            subparser.epilog = f"{subparser.epilog or ''} Retinote {_version()}.".strip()
    return parser


def _load(command: Command, name: str) -> Any:
    module = sys.modules[__name__] if command.module == "cli" else importlib.import_module(command.module)
    return getattr(module, name)


def _is_expected(error: Exception) -> bool:
    """Whether an error has a text for people: those of our own classes and of the system do; any other is a bug."""
    return type(error).__module__.split(".")[0] in OUR_PACKAGES or isinstance(error, OSError)


def _version() -> str:
    # Before anything is installed, an isolated Python shows the help, and that doesn't search this folder.
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return str(importlib.import_module("operations.version").installed_version())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
