"""Tests of the store that model servers share."""
