"""`./retinote models shadow|canary|trials|repredict`: trials of versions, whose state the web app keeps.

As with `./retinote calibrate`, a management command of the running stack's web app does the work.
"""

import argparse
import re

from operations.errors import OperationsError
from operations.stack.folder import DataFolder, running_state

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"([0-9]{1,7})([smhd])")


def duration_s(text: str) -> int:
    """Seconds of a duration such as 90s, 30m, 1h or 2d. Raises argparse's error for anything else."""
    found = DURATION.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it as 90s, 30m, 1h or 2d")
    return int(found[1]) * UNITS_S[found[2]]


def add_shadow_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `shadow`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--share",
        type=float,
        metavar="S",
        default=1.0,
        help="of all scans, above 0 and at most 1 (default: 1)",
    )
    what.add_argument("--stop", action="store_true", help="end it; its answers are kept")


def add_canary_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `canary`."""
    parser.add_argument(
        "--percent",
        type=float,
        metavar="P",
        help="of the patients, above 0 and at most 100; it may only grow",
    )
    parser.add_argument(
        "--stages",
        metavar="P,P",
        default="",
        help="the percentages that follow by themselves, such as 5,25,50,100",
    )
    parser.add_argument(
        "--every", type=duration_s, metavar="TIME", help="how long each stage lasts, such as 1h"
    )
    parser.add_argument(
        "--web-app-only",
        action="store_true",
        help="leave direct callers of the model server to the default; needed where there is no gateway",
    )
    parser.add_argument(
        "--lift-withdrawal",
        action="store_true",
        help="try a withdrawn version all the same; what it has answered is no longer marked",
    )
    parser.add_argument("--stop", action="store_true", help="have the default answer everybody again")


def shadow(arguments: argparse.Namespace) -> int:
    """Begin or end a shadow."""
    named = ["shadow", arguments.name, arguments.version]
    if arguments.stop:
        return _manage(arguments, [*named, "--stop"])
    return _manage(arguments, [*named, f"--percent={arguments.share * 100!r}"])


def canary(arguments: argparse.Namespace) -> int:
    """Begin a canary, let it grow, or end it."""
    words = ["canary", arguments.name, arguments.version]
    given = [arguments.percent is not None, bool(arguments.stages), arguments.every is not None]
    if arguments.stop:
        if any(given):
            raise OperationsError("--stop ends the canary; give no percentage beside it.")
        return _manage(arguments, [*words, "--stop"])
    if arguments.percent is not None:
        words.append(f"--percent={arguments.percent!r}")
    if arguments.stages:
        words.append(f"--stages={arguments.stages}")
    if arguments.every:
        words.append(f"--every-s={arguments.every}")
    if arguments.web_app_only:
        words.append("--web-app-only")
    if arguments.lift_withdrawal:
        words.append("--lift-withdrawal")
    return _manage(arguments, words)


def trials(arguments: argparse.Namespace) -> int:
    """List the trials of versions, and the withdrawn ones."""
    return _manage(arguments, ["list"])


def repredict(arguments: argparse.Namespace) -> int:
    """Have what withdrawn versions have answered predicted again."""
    return _manage(arguments, ["repredict", arguments.name])


def refuse_if_tried(data: DataFolder, name: str, version: str) -> None:
    """Raise OperationsError if the version is tried in shadow or as canary; why stands on standard error.

    In a container of the model server alone, which knows no database, it can't be told; the web app then notices that the
    version is gone.
    """
    from operations.stack.managing import manage

    if not data.mongodb_address.exists():
        return
    if manage(data, running_state(data), ["rollout", "running", name, version]):
        raise OperationsError(f"{name} {version} was not retired.")


def _manage(arguments: argparse.Namespace, words: list[str]) -> int:
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    return manage(data, running_state(data), ["rollout", *words])
