"""Tests of scans of several modalities."""
