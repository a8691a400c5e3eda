"""What apps above this one add to a user's page in the administration; each does so in its own `admin` module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.safestring import SafeString

from webapp.accounts.models import User

Fact = Callable[[User], SafeString | str]
"""A function that returns a fact about a user; `admin.display` names it."""

_facts: dict[str, list[Fact]] = {}


def add_fact(section: str, fact: Fact) -> None:
    """Show a fact about a user, in the section of that name."""
    _facts.setdefault(section, []).append(fact)


def added_facts() -> list[Fact]:
    """All facts that other apps have added."""
    return [fact for facts in _facts.values() for fact in facts]


def added_sections() -> list[tuple[str, dict[str, Any]]]:
    """The sections of these facts, in the form of `fieldsets`."""
    return [(section, {"fields": tuple(facts)}) for section, facts in _facts.items()]
