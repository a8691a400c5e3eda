"""The map of findings: a decoder that learns from masks by kind, and from what the labels of real scans rule out."""
