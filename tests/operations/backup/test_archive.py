"""The file of a backup: what was written comes out again, and nothing else is taken."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from operations.backup.archive import FOLDERS, ArchiveWriter, unpack
from operations.backup.errors import BackupError, DamagedArchive
from operations.backup.manifest import Files, Manifest

MANIFEST = Manifest("0.1.0", "2030-01-02T03:04:05Z", "retinote", (), Files(2, 9), Files(1, 2), Files(1, 2))
MEMBERS = {
    "documents/scans.bson.gz": b"documents",
    "media/scans/ab/one.png": b"an image",
    "models/registry.json": b"{}",
    "gates/retina-oct/1.1.0/gate.json": b"{}",
}


def nothing(*_: object) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """A small backup, as bytes."""
    scratch = tmp_path / "scratch"
    out = io.BytesIO()
    for name, content in MEMBERS.items():
        (scratch / name).parent.mkdir(parents=True)
        (scratch / name).write_bytes(content)
    writer = ArchiveWriter(out, scratch, MANIFEST, nothing)
    for folder in FOLDERS:
        writer.add_folder(scratch / folder, folder)
    writer.close()
    shutil.rmtree(scratch)
    return out.getvalue()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Where to unpack."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_what_was_written_comes_out(archive: bytes, into: Path) -> None:
    assert unpack(io.BytesIO(archive), into, nothing) == MANIFEST

    for name, content in MEMBERS.items():
        assert (into / name).read_bytes() == content
        assert (into / name).stat().st_mode & 0o777 == 0o600


def test_common_tools_read_and_check_it(archive: bytes, into: Path) -> None:
    subprocess.run(["tar", "-xf", "-"], input=archive, cwd=into, check=True)
    checked = subprocess.run(["sha256sum", "--check", "--strict", "members.sha256"], cwd=into, check=False)

    assert checked.returncode == 0


@pytest.mark.parametrize("name", ["manifest.json", *MEMBERS, "members.sha256"])
def test_a_flipped_byte_of_any_member_is_found(archive: bytes, into: Path, name: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.getmember(name)
    spoilt = bytearray(archive)
    spoilt[member.offset_data + member.size - 2] ^= 1

    with pytest.raises(BackupError) as refused:
        unpack(io.BytesIO(bytes(spoilt)), into, nothing)

    # The last line of the checksums is that of the last file.
    assert (name if name != "members.sha256" else "gates/retina-oct/1.1.0/gate.json") in str(refused.value)


@pytest.mark.parametrize("name", list(MEMBERS))
def test_a_flipped_byte_of_a_header_is_found(archive: bytes, into: Path, name: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.getmember(name)
    spoilt = bytearray(archive)
    spoilt[member.offset_data - 512 + 3] ^= 1

    with pytest.raises(DamagedArchive):
        unpack(io.BytesIO(bytes(spoilt)), into, nothing)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_an_archive_that_was_cut_off_is_refused(archive: bytes, into: Path, share: float) -> None:
    whole = archive.rstrip(b"\0")

    with pytest.raises(BackupError):
        unpack(io.BytesIO(whole[: int(share * len(whole))]), into, nothing)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/outside", "media/../../outside", "media/.hidden", "other/file"]
)
def test_a_member_can_only_lie_where_members_lie(into: Path, name: str) -> None:
    content = tar_of((tarfile.TarInfo("manifest.json"), MANIFEST.to_json()), (tarfile.TarInfo(name), b"x"))

    with pytest.raises(DamagedArchive, match="does not belong there|not known"):
        unpack(io.BytesIO(content), into, nothing)

    assert not list(into.parent.rglob("outside"))


def test_a_link_is_no_member(into: Path) -> None:
    link = tarfile.TarInfo("media/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"

    with pytest.raises(DamagedArchive, match="media/link, which is no file"):
        unpack(
            io.BytesIO(tar_of((tarfile.TarInfo("manifest.json"), MANIFEST.to_json()), (link, b""))),
            into,
            nothing,
        )


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100, tar_of((tarfile.TarInfo("a"), b"b"))])
def test_other_files_are_no_backups(into: Path, content: bytes) -> None:
    with pytest.raises(BackupError):
        unpack(io.BytesIO(content), into, nothing)


def test_a_newer_format_is_refused() -> None:
    text = MANIFEST.to_json().replace(b'"format": 1', b'"format": 2')

    with pytest.raises(BackupError, match="has format 2, and this Retinote reads format 1"):
        Manifest.from_json(text)


def test_a_backup_of_a_newer_version_is_refused() -> None:
    text = MANIFEST.to_json().replace(b'"0.1.0"', b'"99.0"')

    with pytest.raises(BackupError, match=r"was made by Retinote 99\.0"):
        Manifest.from_json(text)
