"""The roles and their abilities: one table, which the web app and the page ask by ability. All else is denied."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models


class Ability(models.TextChoices):
    """Something that a user may do. Code asks for abilities and never for roles."""

    SEE_CLINIC = "may_see_clinic", "Sees the own scans and those of the own clinic"
    SEE_ALL = "may_see_all", "Sees the scans of everybody"
    SEE_PATIENTS = "may_see_patients", "Sees what can name a person; others get de-identified data"
    SEE_READINGS = "may_see_readings", "Sees others' readings of a scan before giving one"
    UPLOAD = "may_upload", "Uploads scans, has them predicted, corrects and deletes the own ones"
    READ = "may_read", "Gives verdicts and draws"
    ADJUDICATE = "may_adjudicate", "Settles scans on which readers disagree"
    EXPORT = "may_export", "Takes exports and reports along"
    CALIBRATE = (
        "may_calibrate",
        "Fits the model's answers to this installation's own scans, and takes that back",
    )
    MANAGE = "may_manage", "Opens the administration, changes and deletes what is others'"


class Role(models.TextChoices):
    """The role of a user; the table below says what it allows."""

    CLINICIAN = "clinician", "Clinician: own scans and those of the own clinic"
    RESEARCHER = "researcher", "Researcher: reads all scans, de-identified"
    ADMINISTRATOR = "administrator", "Administrator: everything"


def roles() -> list[tuple[str, str]]:
    """All roles with their words. A function, so that a new role needs no migration."""
    return Role.choices


ABILITIES: Mapping[str, frozenset[Ability]] = {
    Role.CLINICIAN: frozenset(
        {Ability.SEE_CLINIC, Ability.SEE_PATIENTS, Ability.UPLOAD, Ability.READ, Ability.EXPORT}
    ),
    Role.RESEARCHER: frozenset({Ability.SEE_ALL, Ability.SEE_READINGS, Ability.EXPORT}),
    Role.ADMINISTRATOR: frozenset(Ability),
}
"""By the value of the role. A role without a row may do nothing and sees nothing."""


def abilities_of(role: str, is_adjudicator: bool = False) -> frozenset[Ability]:
    """The abilities of a role. An adjudicator whose role may read also settles scans and sees all readings."""
    abilities = ABILITIES.get(role, frozenset())
    if is_adjudicator and Ability.READ in abilities:
        abilities |= {Ability.ADJUDICATE, Ability.SEE_READINGS}
    return abilities
