"""The time as MongoDB keeps it."""

from datetime import datetime, timedelta

from django.utils import timezone


def now() -> datetime:
    """Now, in UTC and whole milliseconds: what is answered at once equals what is read back later."""
    moment = timezone.now()
    return moment - timedelta(microseconds=moment.microsecond % 1000)
