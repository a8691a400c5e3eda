"""The image files of one moment, kept by hard links, so that files which are deleted meanwhile get into the backup.

Image files never change: they are written under a random name before a document names them, and deleted after that
document. A second hard link keeps a file and costs no space. Images in S3 (RETINOTE_MEDIA) are fetched into the same
place, which needs room for all of them.
"""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from operations.backup.errors import BackupError
from operations.backup.manifest import Files
from operations.stack.state import MEDIA_VARIABLE
from serving.shared.errors import StoreMissing
from serving.shared.place import s3_at
from serving.shared.s3 import S3Objects

IMAGES = "scans"
NAMED = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}\.(?:png|jpg|dcm)")
"""The name of an image file, or of an instance that a device sent, anywhere in a document. The file is in a folder named by its first two letters
(webapp/scans/storage.py)."""
UNFINISHED = ".partial"
LOST_AND_FOUND = "lost+found"
NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
"""Errors of file systems without hard links, or with too many of them."""


@contextmanager
def workspace(media: Path, name: str) -> Iterator[Path]:
    """A temporary folder inside the media folder, so that files can be linked and moved.

    An earlier folder of this name is removed. Raises BackupError while another backup or restore runs.
    """
    folder = media / f".{name}"
    media.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(media, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError as error:
        raise BackupError(f"Another backup or restore of {media} is at work; wait for it.") from error
    finally:
        os.close(lock)


def elsewhere(variables: Mapping[str, str] = os.environ) -> S3Objects | None:
    """The images in S3; None if they are in the media folder. Raises ServingError for a URL that is none."""
    url = variables.get(MEDIA_VARIABLE)
    return s3_at(url, "store of images") if url else None


def upload(new: Path, images: S3Objects) -> None:
    """Move restored images to S3, where none of them was before: their names are random. Raises StoreError."""
    for path in sorted((new / IMAGES).rglob("*")):
        if path.is_file():
            images.send(path, path.relative_to(new).as_posix())
            path.unlink()


class Links:
    """A folder with links to the files that documents name."""

    def __init__(
        self,
        media: Path,
        folder: Path,
        earlier: "Links | None" = None,
        elsewhere: S3Objects | None = None,
    ) -> None:
        self.folder = folder
        self.missing: set[str] = set()
        """Names of missing files."""
        self.found_any = False
        """Whether any file that a document names was there."""
        self._media = media
        self._earlier = earlier
        self._elsewhere = elsewhere
        folder.mkdir(mode=0o700)

    def add_named_in(self, document: bytes) -> None:
        """Link every image that a document (BSON) names."""
        for name in NAMED.findall(document):
            self._add_image(name.decode())

    def add_others(self) -> None:
        """Link all other files of the media folder, except for images that no document names."""
        for path, folders, files in os.walk(self._media):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            inside = Path(path).relative_to(self._media)
            for file in files:
                is_image = inside.parts[:1] == (IMAGES,) and NAMED.fullmatch(file.encode())
                if not is_image and not file.startswith(".") and not file.endswith(UNFINISHED):
                    self._link(self._media / inside / file, self.folder / inside / file)

    def files(self) -> Files:
        """The number of linked files, and their bytes."""
        return count(self.folder)

    def _add_image(self, name: str) -> None:
        inside = Path(IMAGES, name[:2], name)
        sources = [self._media / inside] + ([self._earlier.folder / inside] if self._earlier else [])
        target = self.folder / inside
        if any(self._link(source, target) for source in sources) or self._fetch(inside, target):
            self.found_any = True
        else:
            self.missing.add(name)

    def _fetch(self, inside: Path, target: Path) -> bool:
        """Fetch an image from S3. Returns False if it is missing there, or images are not in S3."""
        if self._elsewhere is None:
            return False
        partial = target.with_suffix(UNFINISHED)
        try:
            self._elsewhere.fetch(inside.as_posix(), partial)
        except StoreMissing:
            partial.unlink(missing_ok=True)
            return False
        partial.rename(target)
        return True

    @staticmethod
    def _link(source: Path, target: Path) -> bool:
        """Link a file, or copy it if links are not possible. Returns False if the file is missing."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            pass  # several documents name it
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copyfile(source, target)
        return True


def visible(folder: Path) -> list[Path]:
    """The entries of a folder, without those that begin with a dot and the file system's lost+found."""
    if not folder.is_dir():
        return []
    return [
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name != LOST_AND_FOUND
    ]


def count(folder: Path) -> Files:
    """The number and bytes of all files below a folder, without entries of the folder that begin with a dot."""
    sizes = [
        file.stat().st_size
        for top in visible(folder)
        for file in ([top] if top.is_file() else top.rglob("*"))
        if file.is_file()
    ]
    return Files(len(sizes), sum(sizes))


def switch(new: Path, media: Path, old: Path) -> None:
    """Move all of `media` into the folder `old`, and all of `new` into `media`, by renaming."""
    old.mkdir(mode=0o700)
    for source, target in ((media, old), (new, media)):
        for path in visible(source):
            path.rename(target / path.name)
