"""Everything that a container runs can be imported from what its image has."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.deployment import as_image
from webapp.recommendations import colours

ROOT = as_image.ROOT
# What is started in each image: modules, and folders of which every module may be.
RUNS = {
    "web": ("webapp", "operations.container.web", "operations.backup"),
    "model-server": (
        "handlers",
        "imaging",
        "operations.container.model_server",
        "operations.models.commands",
    ),
    "trainer": (
        "webapp.learning",
        "training",
        "operations.container.web",
        "operations.learn",
        "operations.models.commands",
    ),
}
# What is reached and not run there: the services that `up` starts on a machine, and who asks others by DICOM.
NOT_RUN = {
    "web": set[str](),
    "model-server": {
        f"operations.{name}"
        for name in ("mongodb", "stack.database", "stack.managing", "stack.services", "stack.webapp")
    }
    | {"imaging.dicom.associating"},
    "trainer": {"operations.mongodb", "operations.stack.services", "operations.stack.up"},
}
IMPORTING = """
import importlib, traceback

if any(name.partition(".")[0] == "webapp" for name in sys.argv):
    import django
    django.setup()
failed = 0
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        failed += 1
        print(name, traceback.format_exc(limit=-1))
sys.exit(failed != 0)
"""


def modules(name: str) -> Iterator[str]:
    """A module, or a package with all that it holds."""
    yield name
    folder = ROOT.joinpath(*name.split("."))
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix == ".py" and path.stem not in ("__init__", "__main__"):
            yield f"{name}.{path.stem}"
        elif (path / "__init__.py").is_file():
            yield from modules(f"{name}.{path.name}")


def imported_by(name: str) -> Iterator[str]:
    """All that a module of the project imports, in its functions, too."""
    path = ROOT.joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_ours(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def reached(image: str) -> list[str]:
    """The project's modules that an image runs, those that they import, and so on."""
    found: set[str] = set()
    left = [module for start in RUNS[image] for module in modules(start)]
    while left:
        name = left.pop()
        if name not in found | NOT_RUN[image]:
            found.add(name)
            left.extend(filter(is_ours, imported_by(name)))
    return sorted(found)


@pytest.mark.parametrize("image", RUNS)
def test_whatever_an_image_runs_can_be_imported_there(image: str) -> None:
    done = as_image.run(
        image,
        IMPORTING,
        *reached(image),
        DJANGO_SETTINGS_MODULE="webapp.settings",
        RETINOTE_SECRET_KEY="none",
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_the_web_image_has_what_the_web_app_reads_beside_its_own_folder() -> None:
    assert str(colours.TABLE.relative_to(ROOT)) in as_image.copied("web")


@pytest.mark.parametrize("image", RUNS)
def test_all_that_an_image_takes_is_there(image: str) -> None:
    assert [source for source in as_image.copied(image) if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("image", RUNS)
def test_a_build_is_given_all_that_an_image_takes(image: str) -> None:
    """Of the project it gets what .dockerignore names, and nothing else."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    given = {ROOT / line.removeprefix("!") for line in lines if line.startswith("!")}
    taken = [ROOT / source for source in as_image.copied(image)]

    assert "*" in lines
    assert [path for path in taken if not given & {path, *path.parents}] == []
