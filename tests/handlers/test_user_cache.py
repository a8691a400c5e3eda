"""Where the user's cache is for a user number without a home."""

from __future__ import annotations

import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers import user_cache


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's folder for files that don't stay, for a user who has no other."""

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    user_cache._without_home.cache_clear()
    yield tmp_path
    user_cache._without_home.cache_clear()


def test_without_a_home_it_is_in_a_folder_of_ones_own(temporary: Path) -> None:
    found = user_cache.user_cache()

    (place,) = temporary.iterdir()
    assert found == place / ".cache" / "retinote"
    assert place.stat().st_mode & 0o777 == 0o700
    user_cache._without_home.cache_clear()
    assert user_cache.user_cache() == found


@pytest.mark.parametrize("kind", ["a link", "open to all"])
def test_a_folder_that_others_could_have_made_is_not_used(temporary: Path, kind: str) -> None:
    theirs = temporary / "theirs"
    theirs.mkdir()
    user_cache.user_cache()
    (place,) = set(temporary.iterdir()) - {theirs}
    place.rmdir()
    if kind == "a link":
        place.symlink_to(theirs)
    else:
        place.mkdir()
        place.chmod(0o777)
    user_cache._without_home.cache_clear()

    found = user_cache.user_cache()

    assert found == user_cache.user_cache()
    assert found.is_relative_to(temporary)
    assert not found.is_relative_to(place)
