"""The labels that the simulator draws; light to import, for `--help`."""

from __future__ import annotations

LABELS = ("AMD", "CNV", "CSR", "DME", "DR", "DRUSEN", "MH", "NORMAL")
