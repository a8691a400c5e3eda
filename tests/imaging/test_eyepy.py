"""Heidelberg's files are read as eyepy reads them: B-scans, order, spacing, eye and lines."""

from __future__ import annotations

import warnings
from pathlib import Path

import eyepy
import numpy as np
import pytest

from imaging.decoding import examine_files, examine_volume
from tests.images import bscan, encoded
from tests.maker_files import e2e, e2e_series
from tests.volume_files import bscans, heidelberg_xml, vol

GREY = bscans()
REFLECTED = np.exp(GREY / 255 * 8.285 - 8.3) - 2.44e-4
FRONT = bscan(768, 768, seed=9)


def test_a_vol_file_is_read_as_eyepy_reads_it(tmp_path: Path) -> None:
    content = vol(REFLECTED, FRONT, eye=b"OS")
    (tmp_path / "a.vol").write_bytes(content)
    theirs = eyepy.import_heyex_vol(tmp_path / "a.vol")

    with examine_volume(content) as ours:
        assert ours.count == len(theirs)
        for index in range(5):
            shown = ours.bscan(index).pixels[:, :, 0].astype(int)
            assert np.abs(shown - np.asarray(theirs[index].data)).max() <= 1
        enface = ours.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], theirs.localizer.data)
        assert ours.identity.eye == theirs.laterality == "OS"
        assert ours.spacing.x == pytest.approx(theirs.scale_x * 1000)
        assert ours.spacing.z == pytest.approx(theirs.scale_y * 1000)
        assert ours.spacing.between == pytest.approx(theirs.scale_z * 1000)


def test_an_xml_export_is_read_as_eyepy_reads_it(tmp_path: Path) -> None:
    files = {f"{number}.png": encoded(image) for number, image in enumerate(GREY)}
    files |= {"NIR.png": encoded(FRONT), "scan.xml": heidelberg_xml()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    theirs = eyepy.import_heyex_xml(tmp_path)

    with examine_files(list(files.items())) as ours:
        assert ours.count == len(theirs)
        for index in range(5):
            assert np.array_equal(ours.bscan(index).pixels[:, :, 0], theirs[index].data)
        assert ours.identity.eye == theirs.laterality == "OD"
        assert ours.spacing.x == pytest.approx(theirs.scale_x * 1000)
        assert ours.spacing.z == pytest.approx(theirs.scale_y * 1000)
        assert ours.spacing.between == pytest.approx(theirs.scale_z * 1000)


def test_an_e2e_file_is_read_as_eyepy_reads_it(tmp_path: Path) -> None:
    content = e2e(e2e_series(REFLECTED, FRONT))
    (tmp_path / "a.e2e").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = eyepy.import_heyex_e2e(tmp_path / "a.e2e")

    with examine_volume(content) as ours:
        assert ours.count == len(theirs)
        for index in range(5):
            shown = ours.bscan(index).pixels[:, :, 0].astype(int)
            # eyepy turns the order of ten bits around (docs/decisions/0090), by which it is up to 8 % darker or brighter.
            assert np.abs(shown - np.asarray(theirs[index].data)).max() <= 0.09 * 255
        enface = ours.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], theirs.localizer.data)
        assert (ours.identity.eye, int(theirs.laterality)) == ("OS", ord("L"))
        # eyepy numbers B-scans from below upwards in a picture that is turned over.
        last = len(theirs) - 1
        for index, place in enumerate(ours.places):
            ends = theirs.localizer_transform([[0, last - index], [ours.width - 1, last - index]])
            assert place is not None
            assert np.allclose(ends, [[place.x0, place.y0], [place.x1, place.y1]])
