"""Photographs of the retina become the en-face images of volumes of their study, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from tests.volume_files import bscans, localizer, tomography
from tests.webapp.conftest import Clients
from tests.webapp.receiver.conftest import read_all, send, series
from webapp.accounts.models import User
from webapp.core import clock
from webapp.receiver import reading
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, Instance
from webapp.scans import room
from webapp.volumes.models import Volume


def volume() -> FileDataset:
    """An instance of three frames, on lines of the photograph of its study."""
    return tomography(bscans(3), SOPInstanceUID=generate_uid())


def have_photographs() -> list[bool]:
    """Whether each volume has an en-face image."""
    return [bool(name) for name in Volume.objects.values_list("enface_name", flat=True)]


def end_pauses() -> None:
    """Let what a worker left be read at once."""
    Arrival.objects.update(claimed_until=clock.now())


@pytest.mark.parametrize(
    "fault", [room.NoRoom(), OSError(28, "No space left on device"), KeyboardInterrupt()], ids=type
)
def test_a_photograph_is_added_after_a_fault_that_passes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    send(receiver, volume(), volume())
    read_all()
    send(receiver, localizer(bscans(1)[0]))

    def fail(*_: Any) -> None:
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(reading, "complete", fail)
        try:
            read_all()
        except KeyboardInterrupt:
            pass  # as when the worker ends
    assert have_photographs() == [False, False]

    end_pauses()
    read_all()

    assert have_photographs() == [True, True]
    assert not Instance.objects.filter(is_read=False).exists()


def test_a_photograph_is_added_that_comes_while_its_volume_is_read(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = reading.keep

    def keep_when_one_has_come(*given: Any) -> Any:
        monkeypatch.setattr(reading, "keep", keep)
        send(receiver, localizer(bscans(1)[0]))
        read_all()  # as another worker does
        return keep(*given)

    monkeypatch.setattr(reading, "keep", keep_when_one_has_come)
    send(receiver, volume())
    read_all()

    assert have_photographs() == [True]


@pytest.mark.parametrize("refers", [True, False], ids=["one that the B-scans refer to", "others alone"])
def test_more_photographs_than_fit_leave_the_volume_readable(
    receiver: Receiver, clinician: User, api: Clients, settings: Any, refers: bool
) -> None:
    settings.MAX_VOLUME_BYTES = 20_000
    others = [localizer(bscans(1)[0]) for _ in range(6)]
    for other in others:
        other.SOPInstanceUID = generate_uid()
    send(receiver, *others, *([localizer(bscans(1)[0])] if refers else []))
    send(receiver, volume())
    read_all()

    [lead] = api(clinician).get("/api/v1/scans/").json()["results"]
    found = api(clinician).get(f"/api/v1/volumes/{lead['volume']['id']}/").json()
    assert (found["count"], bool(found["enface"])) == (3, refers)


def test_of_photographs_that_nothing_refers_to_none_is_chosen_for_fitting_in(
    receiver: Receiver, settings: Any
) -> None:
    settings.MAX_VOLUME_BYTES = 16_000
    large = localizer(bscans(1, height=96)[0])
    large.SOPInstanceUID = generate_uid()
    send(receiver, localizer(bscans(1)[0]), large)
    send(receiver, *series(3))
    read_all()
    assert have_photographs() == [False]


def test_bscans_above_the_limit_are_refused_without_any(receiver: Receiver, settings: Any) -> None:
    settings.MAX_VOLUME_BYTES = 10_000
    send(receiver, *series(4))
    read_all()
    assert Arrival.objects.get().code == "image_too_large"
