"""The labels that the simulator draws, apart from the code that draws them, so that `--help` is fast."""

from __future__ import annotations

LABELS = ("AMD", "CNV", "CSR", "DME", "DR", "DRUSEN", "MH", "NORMAL")
