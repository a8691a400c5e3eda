"""Simulated volumes on disk: for each a ZIP of its Ophthalmic Tomography file and its en-face image, and a table of all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tqdm import tqdm

from imaging.decoding import packed
from imaging.dicom.writing import Subject, Volume, tomography_and_photograph
from imaging.geometry import Place, Spacing
from imaging.volume import MAX_BSCANS
from training.data.manifest import DataError, write_table
from training.simulator.enface import ENFACE_UM
from training.simulator.volumes import SimulatedVolume, simulate_volume
from training.simulator.writing import Order, check

TABLE, COLUMNS = "volumes.csv", ("file", "label", "eye", "patient_id", "bscans", "with_lesion")
FIRST_DAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MAKER, MODEL, SERIAL_NUMBER = "Retinote", "OCT simulator", "0"
VERSION = "1"
"""Of what is drawn for a seed."""


def write_volumes(order: Order, bscans: int) -> None:
    """Draw and write volumes of an order; its `per_class` counts volumes.

    The table comes last: without it the set is unfinished. Raises DataError when the order is wrong, when the folder holds
    something already, or when it can't be written to.
    """
    check(order, None)
    if not 1 <= bscans <= MAX_BSCANS:
        raise DataError(f"--bscans is {bscans}; choose 1 to {MAX_BSCANS}")
    if order.folder.is_dir() and any(order.folder.iterdir()):
        raise DataError(f"{order.folder} is not empty; choose another --out")
    jobs = [(label, number) for label in order.labels for number in range(order.per_class)]
    try:
        order.folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for label, number in tqdm(jobs, desc="simulating", unit="volume", disable=None):
            volume = simulate_volume(label, order.seed, number, bscans, order.size)
            name = f"{label}-{number:05d}.zip"
            (order.folder / name).write_bytes(as_zip(volume, order.seed, number))
            lesions = [str(place + 1) for place, shows in enumerate(volume.shows_lesion) if shows]
            rows.append(
                {
                    "file": name,
                    "label": label,
                    "eye": volume.eye,
                    "patient_id": patient_of(order.seed, number, label),
                    "bscans": str(bscans),
                    "with_lesion": " ".join(lesions),
                }
            )
        write_table(order.folder / TABLE, COLUMNS, rows)
    except OSError as error:
        raise DataError(
            f"{error.filename or order.folder}: {error.strerror or error}; the set in {order.folder} is unfinished"
        ) from error


def patient_of(seed: int, number: int, label: str) -> str:
    """The number of the made-up patient whose eye a volume is."""
    return f"SIM-{seed}-{label}-{number:05d}"


def as_zip(volume: SimulatedVolume, seed: int, number: int) -> bytes:
    """A volume as a ZIP of its two DICOM files; the same volume gives the same bytes."""
    patient = patient_of(seed, number, volume.label)
    tomography, photograph = tomography_and_photograph(
        Subject(
            patient=patient,
            name=f"Simulated^{patient}",
            eye=volume.eye,
            acquired=FIRST_DAY + timedelta(days=number % 365),
            maker=MAKER,
            model=MODEL,
            serial_number=SERIAL_NUMBER,
            software=VERSION,
        ),
        Volume(
            bscans=volume.images,
            enface=volume.enface,
            enface_um=ENFACE_UM,
            spacing=Spacing(volume.x_um, volume.z_um, volume.between_um),
            places=[Place(*map(float, line)) for line in volume.lines],
        ),
        identity=f"simulator {VERSION} {patient} {len(volume.images)} {volume.images.shape}",
    )
    return packed([("tomography.dcm", tomography), ("en-face.dcm", photograph)])
