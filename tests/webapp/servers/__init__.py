"""Tests of the model servers' page and of what is recorded of decisions in their store."""
