"""deploy/prove.sh runs apart, in containers. Here it is compared with what it proves."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROOF = (ROOT / "deploy" / "prove.sh").read_text(encoding="utf-8")
GATEWAY = (ROOT / "deploy" / "nginx" / "nginx.conf.template").read_text(encoding="utf-8")


def test_it_sends_more_than_the_gateway_takes_anywhere() -> None:
    taken = [int(size) for size in re.findall(r"client_max_body_size (\d+)m;", GATEWAY)]
    [sent] = re.findall(r'truncate --size (\d+)M "\$work/large"', PROOF)
    assert int(sent) > max(taken)


def test_it_says_the_modality_of_each_scan_as_several_are_served() -> None:
    uploads = [line for line in PROOF.splitlines() if "image=@" in line and "$work/large" not in line]
    assert len(uploads) == 2
    assert all("-F modality=oct" in line for line in uploads)
