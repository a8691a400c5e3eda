"""Building the page: with the real tools, in a folder of its own."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from operations import page

pytestmark = pytest.mark.xdist_group("node")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's configuration with a source of one line; what it needs is installed, and nothing built is kept yet."""
    page.install()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return checkout(tmp_path / "frontend")


def checkout(copy: Path) -> Path:
    """A folder with the page's configuration and a source of one line."""
    copy.mkdir()
    for name in page.INPUTS:
        if (page.FOLDER / name).is_file():
            shutil.copy(page.FOLDER / name, copy)
    (copy / "node_modules").symlink_to(page.FOLDER / "node_modules")
    (copy / "src").mkdir()
    (copy / "src" / "main.tsx").write_text('document.title = "A page to try the build with";\n')
    return copy


def test_it_is_built_once_and_again_when_its_sources_change(folder: Path) -> None:
    assert not page.is_built(folder)
    page.build(folder)
    assert page.is_built(folder)
    document = folder / "dist" / "index.html"
    first = document.stat().st_mtime_ns

    page.build(folder)
    assert document.stat().st_mtime_ns == first

    (folder / "src" / "main.tsx").write_text('document.title = "Another";\n')
    assert not page.is_built(folder)
    page.build(folder)
    assert page.is_built(folder) and document.stat().st_mtime_ns != first


def test_another_checkout_takes_over_what_was_built_from_the_same_sources(
    folder: Path, tmp_path: Path
) -> None:
    page.build(folder)
    other = checkout(tmp_path / "other")
    (other / "node_modules").unlink()

    page.build(other)

    assert page.is_built(other)
    built = [folder / "dist", other / "dist"]
    assert len({(path / "index.html").read_text() for path in built}) == 1


def test_packages_that_another_checkout_has_installed_are_taken_over(folder: Path, tmp_path: Path) -> None:
    wanted = page._digest(folder, ("package.json", page.LOCK))
    kept = tmp_path / "cache" / "retinote" / "packages" / wanted
    asked = json.loads((folder / "package.json").read_text())
    for name in ("left-pad", *asked["dependencies"], *asked["devDependencies"]):
        (kept / name).mkdir(parents=True)
        (kept / name / "package.json").touch()
    (kept / page.STAMP).write_text(wanted)
    (folder / "node_modules").unlink()

    page.install(folder)

    assert (folder / "node_modules" / "left-pad" / "package.json").is_file()
    assert not list(folder.glob("partial-*"))


def test_packages_that_were_left_out_are_asked_for_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's `npm ci` for production is no reason to take its packages for all of ours, stamp or not."""
    (folder / "node_modules").unlink()
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / page.STAMP).write_text(page._digest(folder, ("package.json", page.LOCK)))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(folder / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    with pytest.raises(page.PageNotBuilt, match="registry can't be reached"):
        page.install(folder)


def test_npm_hears_of_its_network_and_of_no_other_project() -> None:
    inherited = {
        "HOME": "/dev/null/nowhere",
        "NODE_ENV": "production",
        "npm_config_omit": "dev",
        "NPM_CONFIG_PRODUCTION": "true",
        "npm_config_registry": "https://npm.example.org/",
        "HTTPS_PROXY": "http://proxy:3128",
    }

    environment = page.environment(inherited)

    assert environment["npm_config_registry"] == "https://npm.example.org/"
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert not {"NODE_ENV", "npm_config_omit", "NPM_CONFIG_PRODUCTION"} & environment.keys()
    assert environment["npm_config_cache"] == str(page.FOLDER / ".npm")


@pytest.mark.parametrize("wrong", ["a file", "half of it"])
def test_a_cache_that_cannot_be_used_is_no_harm(folder: Path, tmp_path: Path, wrong: str) -> None:
    if wrong == "a file":
        (tmp_path / "cache").touch()
    else:
        page.build(folder)
        (kept,) = (tmp_path / "cache" / "retinote" / "pages").iterdir()
        (kept / ".built-from").unlink()
        shutil.rmtree(folder / "dist")

    page.build(folder)

    assert page.is_built(folder)


def test_files_are_named_by_their_content_and_lie_beside_a_smaller_copy(folder: Path) -> None:
    page.build(folder)
    (script,) = (folder / "dist" / "assets").glob("*.js")
    assert script.name in (folder / "dist" / "index.html").read_text()
    assert gzip.decompress(script.with_name(f"{script.name}.gz").read_bytes()) == script.read_bytes()

    (folder / "src" / "main.tsx").write_text('document.title = "Another";\n')
    page.build(folder)
    assert not script.exists()


def test_a_build_that_fails_says_so_and_leaves_the_earlier_page(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page.build(folder)
    (folder / "src" / "main.tsx").write_text('import "./nothing-here";\n')

    with pytest.raises(page.PageNotBuilt, match="can't be built"):
        page.build(folder)

    assert "nothing-here" in capfd.readouterr().err
    assert (folder / "dist" / "index.html").is_file()
    assert not page.is_built(folder)


def test_without_a_network_it_says_what_can_not_be_reached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "node_modules").unlink()
    # Nobody listens there, and nothing comes out of npm's cache.
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(folder / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    with pytest.raises(page.PageNotBuilt, match="registry can't be reached"):
        page.build(folder)
