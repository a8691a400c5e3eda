"""What tests of a stack under load share."""

from __future__ import annotations

from benchmarks.resilience.subject import Subject
from tests.stacks import Stack

OLD, NEW = "1.0.0", "1.1.0"


def stack_of(subject: Subject) -> Stack:
    """The same stack, for the commands that are about it."""
    return Stack(subject.data.path, subject.data.path.parent / "store", int(subject.url.rsplit(":", 1)[1]))
