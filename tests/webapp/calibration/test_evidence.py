"""Which verified scans count for a calibration, and when they are too few or too much alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import CommandError

from handlers.card import ModelCard
from handlers.local_calibration import rescaled
from tests.images import encoded
from tests.webapp.calibration.conftest import Verified, command
from webapp.accounts.models import User
from webapp.calibration import profiles
from webapp.calibration.evidence import CalibrationRefused, gather
from webapp.calibration.models import CalibrationProfile
from webapp.scans.final import By, FinalReading
from webapp.scans.models import Scan
from webapp.volumes.models import Volume


@pytest.mark.parametrize(
    ("scans", "options", "because"),
    [
        (31, {}, "There are 31 verified scans .* so 19 are missing"),
        (0, {}, "There are 0 verified scans .* so 50 are missing"),
        (60, {"labels": ["NORMAL"]}, "All of them are verified as NORMAL: a calibration on one label"),
        (60, {"labels": ["NORMAL"] * 20 + ["CNV"]}, "must be 5 scans or more each; there are NORMAL 58, CNV 2"),
        (60, {"per_patient": 60}, "The 60 scans are of 1 patient; .* so 9 are missing"),
        (60, {"final": FinalReading(By.READERS, ("CNV",), 1, 1)}, "60 scans whose reading is not verified yet"),
        (60, {"final": FinalReading(By.DISPUTED, ("CNV", "DME"))}, "60 scans on which readers disagree"),
        (60, {"weights_sha256": "0" * 64}, "60 scans last predicted by another version"),
        (60, {"calibration": "2020-01-01-1"}, "60 scans predicted under a local calibration that is not stored here"),
        (60, {"image_name": "0" * 32 + ".png"}, "60 scans whose stored picture is missing"),
        (60, {"labels": ["CNV", "an older label"]}, "30 scans verified as something that is none of the model's"),
    ],
    ids=[
        "too few", "none", "one label", "nearly one label", "one patient", "one reader", "disputed", "another version",
        "another profile", "no picture", "another label",
    ],
)  # fmt: skip
def test_scans_that_do_not_suffice_are_refused_with_the_reason(
    folder: Path, verified: Verified, scans: int, options: dict[str, Any], because: str
) -> None:
    verified(scans, **options)

    with pytest.raises(CommandError, match=because):
        command()

    assert not CalibrationProfile.objects.exists() and not list(folder.glob("*.json"))


def test_bscans_of_a_volume_without_a_reference_are_of_one_patient(folder: Path, verified: Verified) -> None:
    verified(60, patient_ref="", volume=Volume.objects.create(count=60))

    with pytest.raises(CommandError, match="The 60 scans are of 1 patient; .* so 9 are missing"):
        command()


def test_two_accounts_without_a_clinic_may_mean_two_people_by_one_reference(
    verified: Verified, card: ModelCard, clinician: User, stranger: User
) -> None:
    for user in (clinician, stranger):
        verified(2, user=user, clinic="", patient_ref="1")

    assert gather(card).patients == 2


def test_copies_of_one_picture_count_once(folder: Path, verified: Verified, card: ModelCard) -> None:
    grey = np.random.default_rng(9).integers(0, 200, (40, 48), dtype=np.uint8)
    smooth = cv2.GaussianBlur(cv2.resize(grey, (192, 160)), (0, 0), 3)
    coarse = cv2.imdecode(
        cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE
    )
    for copy in (
        smooth,
        coarse,
        cv2.resize(smooth, (96, 80)),
        cv2.convertScaleAbs(smooth, alpha=1.15, beta=8),
    ):
        verified(10, labels=["CNV"], picture=encoded(np.asarray(copy)), patient_ref="P-1")
    verified(30)

    with pytest.raises(CalibrationRefused) as refused:
        profiles.calibrate()

    assert "There are 31 verified scans" in str(refused.value) and "19 are missing" in str(refused.value)
    assert "39 scans that show the same picture as another one (40 files of 1 patient)" in str(refused.value)


def test_a_picture_with_two_labels_is_left_out_of_both(verified: Verified, card: ModelCard) -> None:
    picture = encoded(np.random.default_rng(9).integers(0, 256, (40, 48), dtype=np.uint8))
    verified(2, labels=["CNV", "DME"], picture=picture)
    verified(3)

    found = gather(card)

    assert (len(found.taken), found.left_out) == (3, {"contradicted": 2})

    another = encoded(np.random.default_rng(10).integers(0, 256, (40, 48), dtype=np.uint8))
    verified(2, labels=["CNV"], picture=another, patient_ref="P-9")
    assert (
        "Left out: 1 scan that show the same picture as another one (2 files of 1 patient)."
        in gather(card).sentences()
    ), "files that contradict each other are told apart from copies"


def test_probabilities_of_another_profile_are_turned_back(
    verified: Verified, card: ModelCard, folder: Path
) -> None:
    verified(60)
    first = profiles.calibrate()
    for scan in Scan.objects.all():
        scan.probabilities = rescaled(scan.probabilities, card.temperature, first.temperature)
        scan.calibration = first.name
        scan.save()

    second = profiles.propose()

    assert second.fitted.temperature == pytest.approx(first.temperature, rel=0.01)
    assert second.before.log_loss < first.before["log_loss"], (
        "before is as it is answered now, under the first"
    )
