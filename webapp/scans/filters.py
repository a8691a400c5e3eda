"""What lists of scans can be narrowed by."""

import django_filters
from django.db.models import QuerySet

from webapp.scans.models import Eye, Scan, Status


class ScanFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters of `GET scans/` and `GET history/`."""

    prediction = django_filters.CharFilter(field_name="label", help_text="A label, as in `prediction`.")
    status = django_filters.ChoiceFilter(choices=Status.choices)
    reviewed = django_filters.BooleanFilter()
    eye = django_filters.ChoiceFilter(choices=Eye.choices)
    patient_ref = django_filters.CharFilter(method="filter_patient", help_text="Not for researchers.")
    uploaded_after = django_filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="gte")
    uploaded_before = django_filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = Scan
        fields: tuple[str, ...] = ()

    def filter_patient(self, queryset: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        """A researcher who guesses references must not learn which exist."""
        user = getattr(self.request, "user", None)
        if getattr(user, "is_researcher", True):
            return queryset.none()
        return queryset.filter(patient_ref=value)
