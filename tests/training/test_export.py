"""What the card says of the data that a model was made from."""

from pathlib import Path

from training.data.manifest import Scan
from training.export import data_limits, describe_data, label_caveats


def scans_of(label: str, source: str, count: int, split: str = "train") -> list[Scan]:
    return [
        Scan(
            path=Path(f"{label}-{source}-{number}.png"),
            label=label,
            source=source,
            patient=f"{source}:{label}{number}",
            split=split,
            sha256=f"{label}-{source}-{number}-{split}",
        )
        for number in range(count)
    ]


SCANS = [
    *scans_of("CNV", "octdl", 40),
    *scans_of("CNV", "kermany", 40),
    *scans_of("CNV", "simulator", 5),
    *scans_of("MH", "octdl", 12),
    *scans_of("MH", "octdl", 2, split="val"),
    *scans_of("CSR", "simulator", 30),
    *scans_of("CSR", "grafted-kermany", 20),
]


def test_a_label_without_real_scans_carries_a_caveat() -> None:
    assert label_caveats(SCANS) == {
        "CSR": "No real scan of this label was trained on; it rests on simulated scans alone.",
        "MH": "Trained on real scans of 12 patients only; it may well be wrong.",
    }


def test_outliers_are_counted_apart_and_are_no_label() -> None:
    described = describe_data(SCANS, scans_of("ERM", "octdl", 9))
    assert described["outliers"] == {"ERM": {"scans": 9, "patients": 9}}
    assert "ERM" not in described["counts"]["train"]
    assert described["sha256"] != describe_data(SCANS)["sha256"]
    assert "outliers" not in describe_data(SCANS)


def test_a_label_from_one_source_can_be_told_by_its_device() -> None:
    assert "MH: every real scan comes from octdl; device and disease can't be told apart." in data_limits(
        SCANS
    )
    assert not any(limit.startswith("CNV") for limit in data_limits(SCANS))


def test_sources_come_with_licence_and_counts_tell_real_from_simulated() -> None:
    described = describe_data(SCANS)
    by_name = {source["name"]: source for source in described["sources"]}
    assert by_name["OCTDL"]["licence"] == "CC BY 4.0"
    assert by_name["Kermany OCT2017, healthy scans with simulated lesions"]["scans"] == 20
    assert "no patient data" in by_name["Retinote's simulator"]["licence"]
    assert described["counts"]["train"]["CNV"] == {"scans": 80, "patients": 80, "simulated": 5}
    assert described["counts"]["train"]["CSR"] == {"scans": 0, "patients": 0, "simulated": 50}
    assert described["counts"]["val"]["MH"] == {"scans": 2, "patients": 2}
