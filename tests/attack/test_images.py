"""Files made to harm whoever opens them: bombs, files that are two things at once, and thousands of damaged ones.

`RETINOTE_DAMAGED_IMAGES=10000` tries that many damaged files on the decoder instead of a thousand, and
`RETINOTE_DAMAGED_VOLUMES=10000` on the readers of volumes instead of some hundred; `--thorough` tries 10,000 on each of these.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, PngImagePlugin

from benchmarks.bundled import MODEL_NAME
from serving.keys import ManagementKey
from serving.management import ManagementClient
from tests.attack.mutator import READERS, mutated
from tests.attack.people import People
from tests.bombs import BOMBS, COMPLEX, GREY
from tests.dicom_files import dataset, written
from tests.images import encoded, png_bytes
from tests.scale import is_thorough
from tests.services import ModelServer
from tests.webapp.conftest import Upload
from webapp.scans import storage
from webapp.scans.models import Scan

ROOT = Path(__file__).parents[2]
DAMAGED = int(os.environ.get("RETINOTE_DAMAGED_IMAGES", "1000"))
DAMAGED_VOLUMES = int(os.environ.get("RETINOTE_DAMAGED_VOLUMES", "400"))
DAMAGED_OF_EACH = 10_000
"""Of each reader of volumes, with `--thorough`."""
SEED = int(os.environ.get("RETINOTE_DAMAGED_SEED", "1"))
OVER_HTTP = 150
# What one file may take (imaging/pixels.py), beside Python and its libraries.
MOST_MIB = 600
# Beside Python, its libraries and a file of 32 MiB.
MOST_MIB_UNDECODED = 300


@pytest.mark.parametrize(
    ("kind", "count"),
    [("pictures", DAMAGED), ("volumes", DAMAGED_VOLUMES), ("makers", DAMAGED_VOLUMES)]
    # All of it takes a while: of each reader as many as were asked for.
    + [(reader, DAMAGED_OF_EACH) for reader in READERS if is_thorough()],
)
def test_damaged_files_are_read_or_refused_within_bounds(kind: str, count: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.attack.mutator", str(count), str(SEED), kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    result = json.loads(ran.stdout)
    assert result["unexpected"] == []
    assert sum(result["found"].values()) == count
    # The damage tests something only if some files are still read and others are not.
    assert 0.05 < result["found"]["read"] / count < 0.8
    assert len(result["found"]) > (1 if kind in READERS else 4)
    assert result["peak_mib"] < MOST_MIB


DECODE_FILES = """
import os, resource, sys
from tests.attack.mutator import outcome, peak_memory_mib

for file in sys.argv[1:]:
    if os.fork() == 0:  # each in a process of its own, which has imported what it needs
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # ends what would take for ever
        with open(file, "rb") as content:
            print(file, outcome(content.read()), peak_memory_mib(), flush=True)
        os._exit(0)
    os.wait()
"""


def _decoded(files: dict[str, Callable[[], bytes]], folder: Path) -> dict[str, tuple[str, float]]:
    """What the decoder makes of each file, and the most memory, in MiB, that it takes for it."""
    paths = {str(folder / str(number)): kind for number, kind in enumerate(files)}
    for path, kind in paths.items():
        Path(path).write_bytes(files[kind]())
    ran = subprocess.run(
        [sys.executable, "-c", DECODE_FILES, *paths], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = [line.split() for line in ran.stdout.splitlines()]
    return {paths[path]: (outcome, float(peak_mib)) for path, outcome, peak_mib in told}


@pytest.fixture(scope="module")
def became(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    return _decoded(BOMBS, tmp_path_factory.mktemp("bombs"))


@pytest.fixture(scope="module")
def complex_became(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    return _decoded(COMPLEX, tmp_path_factory.mktemp("complex"))


READ = ("all of 40", "a TIFF that never", "a gigabyte", "30 MB of EXIF data")
"""The pictures in these are whole; what else they hold is never unpacked."""


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_takes_no_more_memory_than_the_largest_picture(
    kind: str, became: dict[str, tuple[str, float]]
) -> None:
    assert kind in became, "the decoder died of it"
    outcome, peak_mib = became[kind]
    assert (outcome == "read") == kind.startswith(READ)
    assert peak_mib < MOST_MIB


OTHER_CODES = {"strips upon each other": "truncated_image", "sequences 10,000 deep": "unreadable_image"}


@pytest.mark.parametrize("kind", COMPLEX)
def test_what_is_out_of_proportion_is_refused_before_it_is_decoded(
    kind: str, complex_became: dict[str, tuple[str, float]]
) -> None:
    assert kind in complex_became, "the decoder did not come to an end"
    outcome, peak_mib = complex_became[kind]
    assert outcome == OTHER_CODES.get(kind, "image_too_complex")
    assert peak_mib < MOST_MIB_UNDECODED


HTML = b"<html><script>alert(document.cookie)</script>"


def png_with_html() -> bytes:
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", HTML.decode())
    return encoded(GREY, pnginfo=said) + HTML


def dicom_with_program() -> bytes:
    data = dataset(GREY, PatientName="MZ^PROGRAM", PatientComments=HTML.decode())
    data.preamble = b"MZ" + b"\x90" * 126
    return written(data)


TWO_AT_ONCE: dict[str, tuple[bytes, int]] = {
    "PNG and HTML": (png_with_html(), 202),
    "PNG and ZIP": (encoded(GREY) + b"PK\x03\x04" + HTML, 202),
    "JPEG and HTML": (encoded(GREY, "JPEG", comment=HTML) + HTML, 202),
    "JPEG and PDF": (encoded(GREY, "JPEG", comment=b"%PDF-1.7\n" + HTML), 202),
    "BMP and script": (encoded(GREY, "BMP") + HTML, 202),
    "TIFF and HTML": (encoded(GREY, "TIFF", tiffinfo={270: HTML.decode(), 315: HTML.decode()}), 202),
    "DICOM and program": (dicom_with_program(), 202),
    "PDF and JPEG": (b"%PDF-1.7\n" + encoded(GREY, "JPEG"), 415),
    "GIF and script": (b"GIF89a=1;" + HTML, 415),
    "HTML and PNG": (HTML + encoded(GREY), 400),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415),
    "MVG": (b"push graphic-context\nfill 'url(https://evil.example.org/)'\npop graphic-context", 400),
    "PostScript": (b"%!PS\n(/etc/passwd) (r) file", 400),
}  # fmt: skip


@pytest.mark.parametrize("kind", TWO_AT_ONCE)
def test_of_a_file_that_is_two_things_only_pixels_stay(
    kind: str, away: None, people: People, upload: Upload, api: Any
) -> None:
    content, status = TWO_AT_ONCE[kind]
    answer = upload(people.owner, content)
    assert answer.status_code == status, answer.content
    if status == 202:
        kept = storage.read(Scan.objects.get().image_name)
        assert kept.startswith(b"\x89PNG") and kept.endswith(b"IEND\xaeB`\x82")
        for foreign in (b"script", b"PDF", b"PK\x03", b"PROGRAM", b"tEXt", b"zTXt", b"eXIf"):
            assert foreign not in kept
        shown = api(people.owner).get(answer.json()["image_path"])
        assert shown.headers["Content-Type"] == "image/png"
        assert shown.headers["X-Content-Type-Options"] == "nosniff"


def test_damaged_files_over_the_api_are_the_callers_fault(
    predicting: ModelServer, people: People, upload: Upload
) -> None:
    workers = _workers(predicting)
    statuses = Counter(upload(people.owner, content).status_code for content in mutated(OVER_HTTP, SEED + 1))
    # 202: a machine that is busy with other tests had no time to answer one that can be read.
    assert set(statuses) <= {200, 201, 202, 400, 413, 415, 422}
    assert statuses[201] and statuses[400]
    assert len(list(storage.all_files())) >= Scan.objects.count(), "each scan has its file"
    assert _workers(predicting) == workers


def test_damaged_files_leave_the_model_server_as_it_was(predicting: ModelServer) -> None:
    workers, headers = _workers(predicting), {"Authorization": f"Bearer {predicting.key()}"}
    address = f"{predicting.inference_url}/predictions/retina-oct"
    with requests.Session() as session:
        session.headers.update(headers)
        statuses = Counter(
            session.post(address, data=content, timeout=60).status_code
            for content in [
                *mutated(OVER_HTTP, SEED + 2),
                *(bomb() for bomb in (BOMBS | COMPLEX).values()),
            ]
        )
        # 503: the large ones among them, while others ask.
        assert set(statuses) <= {200, 400, 413, 415, 422, 503}, statuses
        assert statuses[200] and statuses[400]
        assert session.post(address, data=png_bytes(), timeout=60).status_code == 200
    assert _workers(predicting) == workers


def _workers(server: ModelServer) -> list[tuple[int, str]]:
    """Process ids and states of the model's workers: a worker that died comes back under another id."""
    key = ManagementKey(server.key_file, server.management_url)
    (version,) = ManagementClient(server.management_url, key).versions(MODEL_NAME)
    return sorted((worker.pid, worker.status) for worker in version.workers)


def test_a_whole_picture_is_still_a_picture() -> None:
    """The files above are harmless where they should be: Pillow itself opens them."""
    for content, status in TWO_AT_ONCE.values():
        if status == 202 and not content.startswith(b"MZ"):
            assert Image.open(io.BytesIO(content)).size == (64, 48)
