"""What others may listen to."""

from django.dispatch import Signal

drifted = Signal()
"""Sent after the transaction that stores a new alarm, by `DriftAlarm`, with `alarm` and its `reason` as a sentence.

Receivers give nothing back."""
