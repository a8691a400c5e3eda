"""Image files in S3, where RETINOTE_MEDIA names a bucket: the same names, in django-storages' place for them.

boto3 and django-storages are loaded when the first picture is asked for, and never without a bucket.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.files.base import ContentFile, File

from serving.shared import s3
from serving.shared.errors import StoreError, StoreFull, StoreMissing
from serving.shared.place import s3_at
from webapp.api.errors import StorageAway

WHAT = "store of images"
IN_MEMORY_BYTES = 4 * 2**20
"""Of a picture that is sent; a larger one waits in a temporary file, and comes in parts."""


class Bucket:
    """The files of a bucket, below the folder `scans/`. It may be shared between threads.

    All methods raise StorageAway, an OSError, if S3 can't be used; if it is full they raise OSError as a full disk does.
    """

    def __init__(self, url: str, folder: str) -> None:
        from storages.backends.s3 import S3Storage

        parts = urlsplit(url)
        self._folder = folder
        with _explained(url):
            self._objects = s3_at(url, WHAT)
            options = s3.options()
            self._files: Any = S3Storage(
                bucket_name=parts.netloc,
                location=unquote(parts.path).strip("/"),
                endpoint_url=options["endpoint_url"],
                region_name=options["region_name"],
                client_config=options["config"],
                # Names are random, so nothing is ever written over.
                file_overwrite=True,
                default_acl=None,
                max_memory_size=IN_MEMORY_BYTES,
            )

    def write(self, name: str, content: bytes) -> None:
        """Store a file; it is there when this returns."""
        with _explained(self._objects.place):
            self._files.save(self._key(name), ContentFile(content))

    def take(self, path: Path, name: str) -> None:
        """Store a file of this machine, which is removed then."""
        with _explained(self._objects.place), path.open("rb") as file:
            self._files.save(self._key(name), File(file))
        path.unlink()

    def open(self, name: str) -> IO[bytes]:
        """A file, open for reading, all of which has come. Raises FileNotFoundError."""
        with _explained(self._objects.place):
            # Most are small. django-storages would ask three times: twice for the size.
            content = self._objects.small(self._key(name), IN_MEMORY_BYTES)
            if content is not None:
                return BytesIO(content)
            opened: IO[bytes] = self._files.open(self._key(name)).open()
            return opened

    def beginning(self, name: str, count: int) -> tuple[bytes, int]:
        """The first bytes of a file, and how many it has. Raises FileNotFoundError."""
        with _explained(self._objects.place):
            return self._objects.beginning(self._key(name), count)

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        with _explained(self._objects.place):
            return bool(self._files.exists(self._key(name)))

    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with _explained(self._objects.place):
            self._files.delete(self._key(name))

    def ages(self) -> dict[str, float]:
        """The names of all files, with the seconds since each was written, by S3's own clock."""
        with _explained(self._objects.place):
            ages = self._objects.ages(f"{self._folder}/")
        return {key.rpartition("/")[2]: age_s for key, age_s in ages.items()}

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name[:2]}/{name}"


def bucket(folder: str) -> Bucket | None:
    """The bucket that the settings name; None where images are in the data folder."""
    return _bucket(settings.MEDIA, folder) if settings.MEDIA else None


@lru_cache(maxsize=4)
def _bucket(url: str, folder: str) -> Bucket:
    return Bucket(url, folder)


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Raise OSError for what goes wrong with S3 within this context; FileNotFoundError for a file that isn't there."""
    try:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception:
            with s3.explained(place, WHAT):
                raise
    except StoreMissing as error:
        raise FileNotFoundError(errno.ENOENT, str(error)) from error
    except StoreFull as error:
        raise OSError(errno.ENOSPC, str(error)) from error
    except StoreError as error:
        raise StorageAway(errno.EIO, str(error)) from error
