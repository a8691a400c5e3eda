"""Real senders: dcmtk's echoscu and storescu, and Orthanc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom.uid import RLELossless

from tests.dicom_files import written
from tests.orthanc import Orthanc, needs_orthanc
from tests.volume_files import bscans, localizer, tomography
from tests.webapp.receiver.conftest import AE_TITLE, CLINIC, DEVICE, read_all, series
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, Instance, Sender, State
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

needs_dcmtk = pytest.mark.skipif(
    not (shutil.which("storescu") and shutil.which("echoscu")), reason="needs dcmtk (Debian: dcmtk)"
)


def dcmtk(program: str, receiver: Receiver, *arguments: str, calling: str = DEVICE) -> int:
    """Run one of dcmtk's programs; its exit status."""
    named = ["-aet", calling, "-aec", AE_TITLE, "127.0.0.1", str(receiver.port)]
    return subprocess.run(
        [program, "-q", *named, *arguments], check=False, capture_output=True, timeout=60
    ).returncode


@needs_dcmtk
def test_echoscu_is_answered_and_a_stranger_refused(receiver: Receiver) -> None:
    assert dcmtk("echoscu", receiver) == 0
    assert dcmtk("echoscu", receiver, calling="STRANGER") != 0


@needs_dcmtk
def test_storescu_sends_a_series_and_a_volume(receiver: Receiver, tmp_path: Path) -> None:
    for number, instance in enumerate([*series(3), tomography(bscans(4)), localizer(bscans(1)[0])]):
        (tmp_path / f"{number}.dcm").write_bytes(written(instance))
    assert dcmtk("storescu", receiver, "+sd", str(tmp_path)) == 0
    read_all()
    assert sorted(Volume.objects.values_list("count", flat=True)) == [3, 4]
    assert Volume.objects.get(count=4).enface_name


@needs_dcmtk
def test_storescu_sends_compressed_instances(receiver: Receiver, tmp_path: Path) -> None:
    [instance] = series(1)
    instance.compress(RLELossless)
    (tmp_path / "1.dcm").write_bytes(written(instance))
    assert dcmtk("storescu", receiver, "-xr", "+sd", str(tmp_path)) == 0
    read_all()
    assert Scan.objects.count() == 1


@needs_orthanc
def test_orthanc_sends_a_volume(receiver: Receiver, orthanc: Orthanc) -> None:
    Sender.objects.create(ae_title=orthanc.aet, network="127.0.0.1", clinic=CLINIC)
    photograph = orthanc.store(written(localizer(bscans(1)[0])))
    volume = orthanc.store(written(tomography(bscans(3))))
    orthanc.send("retinote", AE_TITLE, receiver.port, volume, photograph)
    read_all()
    assert (Instance.objects.count(), Scan.objects.count()) == (2, 3)
    assert Volume.objects.get().enface_name
    assert {arrival.state for arrival in Arrival.objects.all()} == {State.READ}
