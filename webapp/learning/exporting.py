"""Makes data sets: as a whole or not at all, one at a time, with a record in the audit."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action
from webapp.audit.recording import SYSTEM, acting, record
from webapp.learning import sides, writing
from webapp.learning.models import DataSet, PatientSide, PictureSide, Side
from webapp.learning.rules import ExportFailed, ExportRefused, Rules
from webapp.learning.settled import (
    CHANGED,
    CONTRADICTED,
    COPY,
    LIKE_TEST,
    Gathered,
    as_exported,
    gather,
    sentences,
    still_settled,
)
from webapp.learning.writing import Copied
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans import storage
from webapp.scans.room import NoRoom

KIND = "data_set"
DATA_SETS, PARTIAL, LOCK = "data-sets", ".partial-", ".lock"
BY_OPERATOR, BY_SCHEDULE = "command line", "schedule"
FORMAT = 1
"""Of data-set.json and test-set.json."""


def folder_of(data_set: DataSet) -> Path:
    """The folder with a data set's files."""
    return _data_sets() / str(data_set.number)


def export(rules: Rules, by: User | None = None) -> DataSet:
    """Freeze the settled scans as a data set, with a record of it. An interrupted export leaves nothing.

    Where the newest data set for the model holds the same, that one is returned and none is made; its files are written
    anew if they are not what they were.

    Raises ExportRefused where there is nothing to learn from, ExportFailed when the files can't be written or another
    export is under way.
    """
    with _alone() as folder:
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder))
        try:
            return _export(rules, by, partial)
        except OSError as error:
            raise ExportFailed(
                f"The data set can't be written to {folder} ({error.strerror}). Nothing of it is left there."
            ) from error
        except NoRoom as error:
            raise ExportFailed(f"{error.detail} Nothing was exported.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _export(rules: Rules, by: User | None, partial: Path) -> DataSet:
    gathered = gather(rules)
    gathered.check()
    copied = _without_copies(writing.copy_pictures(gathered, partial), gathered, partial)
    number = _next_number()
    division = sides.divide([each.picture for each in copied], rules.test_share, number)
    splits = dict(zip((each.scan.key for each in copied), division.splits, strict=True))
    copied = _keep(copied, {key for key, split in splits.items() if split}, LIKE_TEST, gathered, partial)
    copied = _keep(copied, still_settled([each.scan for each in copied], rules), CHANGED, gathered, partial)
    _check_again(copied, gathered)
    masks = writing.write_masks([each.scan for each in copied], partial)
    rows = writing.rows_of(copied, [splits[each.scan.key] for each in copied], masks)
    sha256 = writing.content_sha256(rows)
    newest = DataSet.objects.newest_of(rules.model)
    same = newest if newest is not None and newest.sha256 == sha256 else None
    if same is not None and not writing.fault_in(folder_of(same), sha256):
        return same
    made = same or DataSet(
        number=number,
        model_name=rules.model,
        sha256=sha256,
        held_out_sha256=writing.held_out_sha256(rows),
        counts=writing.counts_of(rows)
        | {"left_out": dict(sorted(gathered.left_out.items())), "unknown_labels": dict(gathered.unknown)},
        rules=rules.to_dict(),
        made_by=by,
    )
    writing.write_manifest(partial / writing.MANIFEST_NAME, rows)
    writing.write_json(partial / writing.TEST_SET_NAME, _test_set(division))
    writing.write_json(partial / writing.ABOUT_NAME, _about(made))
    if same is None:
        _publish(made, division, [each.scan.key for each in copied], partial)
    else:
        _replace(folder_of(same), partial)
    publish_test_set()
    return made


def _replace(folder: Path, partial: Path) -> None:
    """Put the same files in the place of those that were damaged or removed."""
    storage.flush_folder(partial)
    damaged = folder.with_name(f"{PARTIAL}{folder.name}")  # which the next export clears away
    if folder.exists():
        folder.rename(damaged)
    partial.rename(folder)
    storage.flush_folder(folder.parent)
    shutil.rmtree(damaged, ignore_errors=True)


def _publish(made: DataSet, division: sides.Division, scan_ids: Sequence[Any], partial: Path) -> None:
    """Give the folder its name, and store document, decisions and record in one transaction; all of it or nothing."""
    final = folder_of(made)
    storage.flush_folder(partial)
    partial.rename(final)
    storage.flush_folder(final.parent)

    def write() -> None:
        made.pk = None
        made.save(force_insert=True)
        sides.keep(division)
        actor = made.made_by or acting()
        record(
            Action.DATA_SET_CREATE, actor, KIND, scan_ids=scan_ids, after=made, asked=f"sha256={made.sha256}"
        )

    try:
        all_or_nothing(write)
    except BaseException as error:
        shutil.rmtree(final, ignore_errors=True)
        if isinstance(error, IntegrityError):
            raise ExportFailed(
                "Another data set was made at the same moment. Look at that one first."
            ) from error
        raise


def _next_number() -> int:
    """The number after that of every data set, stored or in the folder: after an older backup was restored, the folder
    may hold later ones, which cards of models name.
    """
    stored = DataSet.objects.order_by("-number").values_list("number", flat=True).first() or 0
    there = [
        int(about.parent.name)
        for about in _data_sets().glob(f"[0-9]*/{writing.ABOUT_NAME}")
        if about.parent.name.isascii() and about.parent.name.isdecimal()
    ]
    return max([stored, *there]) + 1


def publish_test_set() -> Path | None:
    """Bring `test-set.json`, by which trainings refuse its scans, into step with the database; None without a test set.

    The database decides, so this may be called at any time, such as after a restored backup.
    """
    if not PatientSide.objects.exists():
        return None
    folder: Path = settings.LEARNING_DIR
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        writing.write_json(folder / writing.TEST_SET_NAME, _test_set(sides.Division()))
    except OSError as error:
        raise ExportFailed(
            f"{folder / writing.TEST_SET_NAME} can't be written ({error.strerror}): trainings read there what they must "
            "not learn from. Let this account write there, and export again."
        ) from error
    return folder / writing.TEST_SET_NAME


def _test_set(division: sides.Division) -> dict[str, Any]:
    """The whole test set, as trainings read it: what is stored, with what was decided now."""
    patients = set(PatientSide.objects.filter(side=Side.TEST).values_list("patient", flat=True))
    patients |= {each.patient for each in division.new_patients if each.side == Side.TEST}
    patients |= as_exported(patients)  # trainings learn from exports, too
    pictures = dict(
        PictureSide.objects.filter(side=Side.TEST).values_list("pixels_sha256", "perceptual_hash")
    )
    pictures |= {
        each.pixels_sha256: each.perceptual_hash for each in division.new_pictures if each.side == Side.TEST
    }
    held_out = {
        "patients": sorted(patients),
        "scans": [
            {"pixels_sha256": pixels, "perceptual_hash": look} for pixels, look in sorted(pictures.items())
        ],
    }
    return {"format": FORMAT, "sha256": canonical_sha256(held_out), **held_out}


def _about(made: DataSet) -> dict[str, Any]:
    """What a data set says of itself. Names of people stay behind: it may travel."""
    return {
        "format": FORMAT,
        "sha256": made.sha256,
        "number": made.number,
        "name": made.model_name,
        "made": made.made_at.isoformat(timespec="milliseconds"),
        "by": _by(made),
        "rules": made.rules,
        "counts": made.counts,
        "held_out_sha256": made.held_out_sha256,
    }


def _by(made: DataSet) -> str:
    if made.made_by_id:
        return pseudonym("reader", made.made_by_id)
    return BY_SCHEDULE if acting() == SYSTEM else BY_OPERATOR


def _without_copies(copied: list[Copied], gathered: Gathered, folder: Path) -> list[Copied]:
    """Each picture once, and none that is settled under different labels."""
    same: dict[str, list[Copied]] = defaultdict(list)
    for each in copied:
        same[each.pixels_sha256].append(each)
    contradicted = {
        each.scan.key
        for group in same.values()
        if len({one.scan.label for one in group}) > 1
        for each in group
    }
    first = {group[0].scan.key for group in same.values()}
    kept = _keep(copied, {each.scan.key for each in copied} - contradicted, CONTRADICTED, gathered, folder)
    return _keep(kept, first, COPY, gathered, folder)


def _keep(
    copied: list[Copied], wanted: set[Any], reason: str, gathered: Gathered, folder: Path
) -> list[Copied]:
    out = [each for each in copied if each.scan.key not in wanted]
    writing.leave_out(out, folder)
    if out:
        gathered.left_out[reason] += len(out)
    return [each for each in copied if each.scan.key in wanted]


def _check_again(copied: Sequence[Copied], gathered: Gathered) -> None:
    """Raise ExportRefused where what was left out leaves nothing to learn from."""
    patients = {each.scan.patient for each in copied}
    if len(patients) < 2:
        of = "no scan is left" if not copied else "the scans that are left are of one patient"
        raise ExportRefused(
            f"Of the settled scans of {gathered.rules.model} {of}: nothing can be learnt and tested. "
            + " ".join(sentences(gathered.left_out, gathered.unknown))
        )


def is_under_way() -> bool:
    """Whether an export holds the folder now."""
    try:
        with _alone():
            return False
    except ExportFailed:
        return True


def _data_sets() -> Path:
    return Path(settings.LEARNING_DIR) / DATA_SETS


@contextmanager
def _alone() -> Iterator[Path]:
    """Hold the folder for data sets, without what interrupted exports left there. Raises ExportFailed."""
    folder = _data_sets()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ExportFailed(
            f"{folder} can't be written to ({error.strerror}). Let this account write there, or set RETINOTE_DATA_DIR."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportFailed(
                "Another export is under way. Wait until it is done, then look at its data set."
            ) from error
        for left in folder.glob(f"{PARTIAL}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield folder
    finally:
        os.close(descriptor)
