"""The map of findings: a decoder that learns from masks by kind, and on real scans from what a label rules out."""
