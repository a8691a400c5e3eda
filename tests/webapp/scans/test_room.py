"""Large pictures share the memory that there is, in all processes; small ones never wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.pixels import MAX_MEMORY_BYTES
from tests.images import encoded, png_bytes
from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.scans import room, storage
from webapp.scans.models import Scan

ROOT = Path(__file__).parents[3]
LARGE = encoded(np.zeros((2500, 4000), np.uint8))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that find no room are refused at once; ten grey megapixels count as large."""
    monkeypatch.setattr(room, "WAIT_S", 0.0)
    monkeypatch.setattr(room, "SMALL_BYTES", 4 * 10**6)


def test_the_largest_picture_takes_all_the_room() -> None:
    with room.taken(MAX_MEMORY_BYTES), pytest.raises(room.NoRoom), room.taken(room.SMALL_BYTES + 1):
        pass
    with room.taken(MAX_MEMORY_BYTES + 2**30):
        pass


def test_smaller_pictures_share_the_room() -> None:
    half, more = room.ALL_BYTES // 2, room.SMALL_BYTES + 1
    with room.taken(half), room.taken(half), pytest.raises(room.NoRoom), room.taken(more):
        pass


def test_a_request_that_finds_too_little_room_keeps_none() -> None:
    with room.taken(room.PLACE_BYTES):
        with pytest.raises(room.NoRoom), room.taken(room.ALL_BYTES):
            pass
        with room.taken(room.ALL_BYTES - room.PLACE_BYTES):
            pass


def test_nobody_waits_for_places_that_they_hold_themselves() -> None:
    more = room.SMALL_BYTES + 1
    with (
        room.taken(room.PLACE_BYTES) as first,
        room.taken(room.ALL_BYTES, first) as held,
        room.taken(room.ALL_BYTES, held),
        pytest.raises(room.NoRoom),
        room.taken(more),
    ):
        pass
    with room.taken(room.ALL_BYTES):
        pass


def test_of_two_that_each_want_what_the_other_holds_one_gives_in() -> None:
    half = room.ALL_BYTES // 2
    with room.taken(half) as first:
        with room.taken(half) as second, pytest.raises(room.NoRoom), room.taken(half, second):
            pass
        with room.taken(half, first):
            pass


def test_small_pictures_never_wait() -> None:
    with room.taken(room.ALL_BYTES), room.taken(room.SMALL_BYTES), room.taken(0):
        pass


HOLDER = """
import sys, django
django.setup()
from webapp.scans import room
with room.taken(room.ALL_BYTES):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_processes_share_the_room_and_a_dead_one_gives_its_part_back(settings: Any) -> None:
    environment = os.environ | {"RETINOTE_DATA_DIR": str(settings.DATA_DIR)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(room.NoRoom), room.taken(room.PLACE_BYTES):
            pass
        holder.kill()
        holder.wait()
        with room.taken(room.ALL_BYTES):
            pass


def test_a_large_upload_is_refused_while_there_is_no_room(
    away: None, clinician: User, upload: Upload
) -> None:
    with room.taken(room.ALL_BYTES):
        refused = upload(clinician, LARGE)
        assert upload(clinician, png_bytes()).status_code == 202
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "busy"
    assert int(refused["Retry-After"]) > 0
    assert Scan.objects.count() == len(list(storage.all_files())) == 1
    assert upload(clinician, LARGE).status_code == 202


def test_a_large_file_is_refused_before_it_is_read(
    away: None, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LARGE_FILE_BYTES", 1000)
    with room.taken(room.PLACE_BYTES):
        assert upload(clinician, png_bytes()).status_code == 503
    assert upload(clinician, png_bytes()).status_code == 202


@pytest.mark.parametrize("path", ["thumbnail/", "overlay/", "report/"])
def test_what_is_made_of_a_large_picture_waits_for_room(
    path: str, away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    address = f"/api/v1/scans/{upload(clinician, LARGE).json()['id']}/"
    Scan.objects.update(heatmap_name=storage.save(LARGE))
    with room.taken(room.ALL_BYTES):
        refused = api(clinician).get(address + path)
        assert refused.status_code == 503 and refused["Retry-After"]
        # What is only passed on takes no memory.
        assert api(clinician).get(f"{address}image/").status_code == 200
    assert api(clinician).get(address + path).status_code == 200


def test_a_new_prediction_of_a_large_picture_waits_for_room(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    address = f"/api/v1/scans/{upload(clinician, LARGE).json()['id']}/predictions/"
    with room.taken(room.ALL_BYTES):
        assert api(clinician).post(address, {}).json()["error"]["code"] == "busy"
    assert api(clinician).post(address, {}).json()["error"]["code"] == "unavailable"


def test_the_administration_shows_a_large_picture_when_there_is_room(
    away: None, clinician: User, administrator: User, upload: Upload, client: Any
) -> None:
    scan = upload(clinician, LARGE).json()["id"]
    client.force_login(administrator)
    with room.taken(room.ALL_BYTES):
        assert client.get(f"/admin/scans/scan/{scan}/thumbnail/").status_code == 503
    assert client.get(f"/admin/scans/scan/{scan}/thumbnail/").status_code == 200


EIGHT_AT_ONCE = """
import json, sys, django
import webapp.gunicorn  # gives memory back as the process does that serves
django.setup()
from concurrent.futures import ThreadPoolExecutor
from imaging.decoding import examine
from tests.attack.mutator import peak_memory_mib
from webapp.scans import room, upload

from pathlib import Path
content = Path(sys.argv[1]).read_bytes()
upload.prediction.ask = lambda image, deadline_s, subject, modality: None

def take(number):
    examined = examine(content)
    try:
        with room.taken(examined.memory_bytes):
            upload.ask_and_compress(upload.without_colour(examined.decode().pixels), 0, "", "oct")
        return "read"
    except room.NoRoom:
        return "no room"

with ThreadPoolExecutor(8) as pool:
    became = list(pool.map(take, range(8)))
print(json.dumps([became, peak_memory_mib()]))
"""


def test_eight_of_the_largest_pictures_at_once_fit(settings: Any, tmp_path: Path) -> None:
    file = tmp_path / "colour.png"
    file.write_bytes(encoded(np.full((5000, 8000, 3), (9, 99, 199), np.uint8)))
    environment = os.environ | {"RETINOTE_DATA_DIR": str(settings.DATA_DIR)}
    ran = subprocess.run(
        [sys.executable, "-c", EIGHT_AT_ONCE, str(file)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    became, peak_mib = json.loads(ran.stdout)
    assert set(became) <= {"read", "no room"} and "read" in became
    assert peak_mib < 600
