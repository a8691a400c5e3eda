"""The files of instances: written as they come, known to the sweep, deleted with their documents and scans."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import connection
from django.db.models.signals import post_delete
from django.dispatch import receiver

from webapp.receiver.models import Arrival, Instance
from webapp.scans import storage

LEAST_FREE_BYTES = 2**30
"""With less on the disk nothing is taken: the database needs room, too."""


class NoSpace(OSError):
    """The disk is nearly full."""


def check_space() -> None:
    """Raise NoSpace where less than `LEAST_FREE_BYTES` are free."""
    if shutil.disk_usage(settings.MEDIA_ROOT).free < LEAST_FREE_BYTES:
        raise NoSpace("The disk is nearly full.")


class Incoming:
    """A file that is written while its content comes in. Use it with `with`: what is not kept is removed.

    Raises NoSpace, and OSError as files do.
    """

    def __init__(self) -> None:
        self.name = storage.new_name(storage.INSTANCE)
        self._path = storage.path_of(self.name)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_space()
        self._partial = self._path.with_suffix(".partial")
        opened = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(opened, "wb")
        self._kept = False

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Write on."""
        self._file.write(content)

    def keep(self) -> None:
        """Bring the whole file to the disk under its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        storage.take(self._partial, self.name)
        self._kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._kept:
            self._partial.unlink(missing_ok=True)


@storage.named_elsewhere
def _names() -> Iterable[str]:
    return Instance.objects.exclude(file_name="").order_by().values_list("file_name", flat=True)


@receiver(post_delete, sender=Instance)
def _delete_file(instance: Instance, **_: Any) -> None:
    connection.on_commit(lambda: storage.delete(instance.file_name))


@receiver(post_delete, sender=Arrival)
def _delete_photographs(instance: Arrival, **_: Any) -> None:
    """Delete the photographs of a study with the last of what they were taken beside: they have no scan of their own."""
    clinic, study_uid = instance.clinic, instance.study_uid
    _delete_left_alone(clinic, study_uid)
    # Once more after the commit: of the last two, deleted at the same time, neither sees before that the other goes.
    connection.on_commit(lambda: _delete_left_alone(clinic, study_uid), robust=True)


def _delete_left_alone(clinic: str, study_uid: str) -> None:
    """Delete the photographs of a study of which nothing else is a scan, or may become one. What was refused does not."""
    of_study = Instance.objects.filter(clinic=clinic, study_uid=study_uid)
    if Arrival.objects.filter(clinic=clinic, study_uid=study_uid, scan__isnull=False).exists():
        return
    if not of_study.filter(is_enface=False, is_read=False).exists():
        of_study.filter(is_enface=True).delete()
