"""Labelled B-scans: where they come from, what is wrong with them, how they are divided."""
