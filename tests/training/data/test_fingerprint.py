"""Hashes that tell the same picture from another."""

from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from imaging.errors import ImageError
from imaging.fingerprint import COLUMNS, HASH_SIDE, NEAR_BITS, near_pairs
from tests.training.conftest import write_scan
from training.data.fingerprint import fingerprint, fingerprints


def bits_between(first: Path, second: Path) -> int:
    hashes = [fingerprint(path).perceptual_hash for path in (first, second)]
    return int(near_pairs(hashes, most_bits=256)[0, 2])


def test_a_scan_saved_brighter_smaller_and_lossy_is_near_and_a_stranger_is_not(tmp_path: Path) -> None:
    for seed in range(3):
        write_scan(tmp_path / f"{seed}.png", "HIGH", seed)
    picture = cv2.imread(str(tmp_path / "0.png"))
    changed = cv2.resize(cv2.add(picture, 10), (44, 40), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "changed.jpg"), changed, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert bits_between(tmp_path / "0.png", tmp_path / "changed.jpg") <= NEAR_BITS
    assert bits_between(tmp_path / "1.png", tmp_path / "2.png") > NEAR_BITS


def test_pixels_count_not_the_file_format(tmp_path: Path) -> None:
    write_scan(tmp_path / "a.png", "LOW", 3)
    cv2.imwrite(str(tmp_path / "a.bmp"), cv2.imread(str(tmp_path / "a.png")))
    first, second = fingerprint(tmp_path / "a.png"), fingerprint(tmp_path / "a.bmp")
    assert first.sha256 != second.sha256
    assert first.pixels_sha256 == second.pixels_sha256
    assert (first.width, first.height) == (48, 48)


def test_how_a_picture_looks_is_hashed_as_imagehash_does(tmp_path: Path) -> None:
    for seed in range(20):
        write_scan(tmp_path / "scan.png", ("HIGH", "LOW")[seed % 2], seed)
        with Image.open(tmp_path / "scan.png") as picture:
            theirs = str(imagehash.phash(picture.convert("RGB"), hash_size=HASH_SIDE))
        assert fingerprint(tmp_path / "scan.png").perceptual_hash == theirs


def test_a_flat_picture_is_like_no_other(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((64, 64), np.uint8))
    assert fingerprint(tmp_path / "black.png").perceptual_hash == ""
    assert near_pairs(["", "", "0" * 64]).shape == (0, 3)


def test_near_pairs_are_found_across_blocks_and_only_once() -> None:
    random = np.random.default_rng(0)
    hashes = [random.bytes(32).hex() for _ in range(COLUMNS + 100)]
    hashes[70] = hashes[3]
    hashes[COLUMNS + 50] = hashes[3][:-1] + f"{int(hashes[3][-1], 16) ^ 0b0111:x}"
    assert near_pairs(hashes).tolist() == [[3, 70, 0], [3, COLUMNS + 50, 3], [70, COLUMNS + 50, 3]]


def test_what_is_wrong_with_a_file_is_said_in_its_place(tmp_path: Path) -> None:
    write_scan(tmp_path / "good.png", "LOW", 3)
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(ImageError):
        fingerprint(tmp_path / "text.png")
    good, text, absent = fingerprints([tmp_path / name for name in ("good.png", "text.png", "absent.png")])
    assert good == fingerprint(tmp_path / "good.png")
    assert isinstance(text, str) and "not an image" in text
    assert absent == "No such file or directory"
