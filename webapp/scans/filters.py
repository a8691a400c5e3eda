"""The filters of lists of scans."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django_filters.fields import IsoDateTimeField

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import asked_id
from webapp.accounts.models import User
from webapp.api.fields import has_plain_digits
from webapp.core.normal_form import normal
from webapp.recommendations.answers import State
from webapp.scans.disclosure import disclose_all_answers
from webapp.scans.labels import all_newest_labels
from webapp.scans.models import Eye, Scan, ScanQuerySet, Status, known_answers, read_by
from webapp.versions.withdrawals import by_withdrawn

LONGEST_SEARCH = 200
"""Characters. Each word is a nested condition, of which MongoDB allows only so many."""


class TrueFalseField(forms.Field):
    """true or false. Anything else is an error, and not the same as nothing, as in Django's own field."""

    widget = forms.TextInput
    answers: ClassVar[dict[str, bool | None]] = {"": None, "true": True, "false": False}

    def to_python(self, value: Any) -> bool | None:
        """The answer, None when none was given."""
        text = str(value or "").lower()
        if text not in self.answers:
            raise ValidationError("Give true or false.", code="invalid")
        return self.answers[text]


class TrueFalseFilter(django_filters.BooleanFilter):  # type: ignore[misc]
    """Filters by true or false."""

    field_class = TrueFalseField


class MomentField(IsoDateTimeField):  # type: ignore[misc]
    """A time in ISO 8601 that can be converted to UTC."""

    def clean(self, value: str) -> datetime | None:
        """The time, in UTC."""
        if not has_plain_digits(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        moment: datetime | None = super().clean(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class MomentFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    """Filters by a time in ISO 8601."""

    field_class = MomentField


class ScanFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters of `GET scans/` and `GET history/`."""

    prediction = django_filters.CharFilter(
        field_name="label",
        method="filter_answer",
        help_text="A label, as in `prediction`; none that is hidden. `state` tells which of them are answers.",
    )
    modality = django_filters.CharFilter(
        method="filter_modality", max_length=40, help_text="The name of a modality, as in `options/`."
    )
    status = django_filters.ChoiceFilter(choices=Status.choices)
    state = django_filters.ChoiceFilter(
        choices=State.choices,
        method="filter_answer",
        help_text="How far the model has answered, as in `state`; none that is hidden.",
    )
    reviewed = TrueFalseFilter()
    eye = django_filters.ChoiceFilter(choices=Eye.choices)
    patient_ref = django_filters.CharFilter(
        method="filter_patient", help_text="Finds nothing in de-identified data."
    )
    uploaded_after = MomentFilter(method="filter_moment", help_text="Finds nothing in de-identified data.")
    uploaded_before = MomentFilter(method="filter_moment", help_text="Finds nothing in de-identified data.")
    model_version = django_filters.CharFilter(method="filter_answer")
    withdrawn = TrueFalseFilter(
        method="filter_withdrawn",
        help_text="Whether the answer is of a version that was withdrawn since; none that is hidden.",
    )
    unread = TrueFalseFilter(method="filter_unread", help_text="Whether your verdict is still missing.")
    search = django_filters.CharFilter(
        method="filter_search",
        max_length=LONGEST_SEARCH,
        help_text="Words of the patient's reference, the note or the model's label.",
    )

    volume = django_filters.CharFilter(
        method="filter_volume",
        help_text="Id of a volume: its B-scans in their order. Without it lists have of each volume the B-scan that leads "
        "it.",
    )

    class Meta:
        model = Scan
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Scan]) -> QuerySet[Scan]:
        """Narrowed, to one scan for each upload where no volume is asked for."""
        narrowed: ScanQuerySet = super().filter_queryset(queryset)
        return narrowed if self.form.cleaned_data.get("volume") else narrowed.leading_for(self._user())

    def filter_modality(self, queryset: ScanQuerySet, name: str, value: str) -> ScanQuerySet:
        """Scans of a modality."""
        return queryset.of_modality(value)

    def filter_volume(self, queryset: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        """The B-scans of a volume; lists have them in their order (`ScanPages`)."""
        key = asked_id(value, self._user())
        return queryset.filter(volume=key) if key else queryset.none()

    def filter_patient(self, queryset: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        """Filter by patient reference; finds nothing for users who may not see them and could guess which exist."""
        return queryset.filter(patient_ref=value) if self._knows_patients else queryset.none()

    def filter_answer(self, queryset: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        """Filter by the model's answer. This tells something about every scan, found or not, unless it is hidden."""
        user = self._user()
        disclose_all_answers(user)
        return queryset.filter(known_answers(user), **{name: value})

    def filter_withdrawn(self, queryset: QuerySet[Scan], name: str, value: bool) -> QuerySet[Scan]:
        """Scans whose answer is, or is not, of a withdrawn version. This tells something of answers, as those do."""
        user = self._user()
        disclose_all_answers(user)
        known = queryset.filter(known_answers(user))
        return known.filter(by_withdrawn()) if value else known.exclude(by_withdrawn())

    def filter_moment(self, queryset: QuerySet[Scan], name: str, value: datetime) -> QuerySet[Scan]:
        """Filter by time; finds nothing for users who may not see times and could narrow them down."""
        beyond = {"uploaded_after": Q(timestamp__gte=value), "uploaded_before": Q(timestamp__lt=value)}
        return queryset.filter(beyond[name]) if self._knows_patients else queryset.none()

    def filter_unread(self, queryset: QuerySet[Scan], name: str, value: bool) -> QuerySet[Scan]:
        """Scans that the user has, or has not, given a verdict on."""
        mine = read_by(self._user())
        return queryset.exclude(mine) if value else queryset.filter(mine)

    def filter_search(self, queryset: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        """Filter scans in which every word is found: in a label that is not hidden, or in reference and note.

        Users who may not see patients search in labels alone.
        """
        user = self._user()
        value = normal(value)
        # Only words that are part of a label tell something about answers.
        labels = all_newest_labels(Scan.objects.visible_to(user))
        if any(word.lower() in label.lower() for word in value.split() for label in labels):
            disclose_all_answers(user)
        for word in value.split():
            found = Q(label__icontains=word) & known_answers(user)
            if self._knows_patients:
                found |= Q(patient_ref__icontains=word) | Q(note__icontains=word)
            queryset = queryset.filter(found)
        return queryset

    def _user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # the views require it
        return user

    @property
    def _knows_patients(self) -> bool:
        user = getattr(self.request, "user", None)
        return isinstance(user, User) and user.may(Ability.SEE_PATIENTS)
