"""The command `modality`: lists and checks the modalities, and makes the look by which the router knows their pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from operations.errors import OperationsError
from operations.table import print_table

if TYPE_CHECKING:
    from modalities.features import Features

PROGRESS_EVERY = 500
"""Pictures."""


def add_modality_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action_on_modality", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the modalities, with the models that answer them")
    checking = actions.add_parser(
        "check", help="say what is wrong with the modalities (exit status 0: nothing, 1: something)"
    )
    looking = actions.add_parser(
        "look",
        help="make a modality's look.json from its pictures: by it uploads are told apart",
        description="Make a modality's look.json from folders of its pictures, with all folders in them. Take some "
        "hundreds, of all devices that there are, and name the files of one patient alike. Only how they look is kept: "
        "no picture can be made of it.",
    )
    looking.add_argument("name", metavar="NAME", help="the modality: the name of its folder")
    looking.add_argument("folders", metavar="FOLDER", type=Path, nargs="+", help="folders of pictures")
    for action in (listing, checking, looking):
        action.add_argument(
            "--modalities",
            type=Path,
            metavar="DIR",
            help="folder of further modalities (default: the one that RETINOTE_MODALITIES names)",
        )


def modality(arguments: argparse.Namespace) -> int:
    """Run the chosen action."""
    from modalities.reading import VARIABLE

    more = arguments.modalities or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if arguments.action_on_modality == "look":
        return _look(arguments.name, arguments.folders, more)
    return {"list": _list, "check": _check}[arguments.action_on_modality](more)


def _list(more: Path | None) -> int:
    from modalities.reading import profiles

    rows = [
        (each.name, each.title, each.model, ", ".join(each.labels), _yes(each.look_path), str(each.folder))
        for each in profiles(more)
    ]
    print_table([("NAME", "TITLE", "MODEL", "LABELS", "LOOK", "FOLDER"), *rows])
    return 0


def _yes(path: Path) -> str:
    return "yes" if path.is_file() else "no"


def _check(more: Path | None) -> int:
    from modalities.reading import problems

    found = list(problems(more))
    for problem in found:
        print(problem)
    if not found:
        print("All modalities can be used.")
    return 1 if found else 0


def _look(name: str, folders: list[Path], more: Path | None) -> int:
    from modalities.look import made
    from modalities.reading import profile

    try:
        found = profile(name, more)
    except KeyError as error:
        raise OperationsError(
            f"{error.args[0]} ./retinote modality list names those that there are."
        ) from error
    files = [path for folder in folders for path in _files(folder)]
    measured, left_out = _measured(files)
    for path, reason in left_out[:5]:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    look = made(measured)
    found.look_path.write_text(json.dumps(asdict(look), indent=2) + "\n", encoding="utf-8")
    print(
        f"{found.look_path}: made from {len(measured)} pictures; {len(left_out)} of {len(files)} files left out"
    )
    return 0


def _files(folder: Path) -> Iterator[Path]:
    """All files of a folder and of those in it, by their names."""
    if not folder.is_dir():
        raise OperationsError(f"{folder} is not a folder.")
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _measured(files: list[Path]) -> tuple[list[Features], list[tuple[Path, str]]]:
    """The files' pictures, measured; and the files that are none, with the reason."""
    from imaging.decoding import decode
    from imaging.errors import ImageError
    from modalities.features import features

    measured: list[Features] = []
    left_out: list[tuple[Path, str]] = []
    for count, path in enumerate(files, 1):
        try:
            measured.append(features(decode(path.read_bytes()).pixels))
        except ImageError as error:
            left_out.append((path, str(error)))
        if count % PROGRESS_EVERY == 0:
            print(f"{count} of {len(files)} files", file=sys.stderr)
    return measured, left_out
