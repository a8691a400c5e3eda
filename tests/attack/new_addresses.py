"""Addresses such as somebody may add who forgets to record who looks at what."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from webapp.annotations.models import Annotation
from webapp.scans.models import Scan
from webapp.urls import urlpatterns as known


def everything(request: HttpRequest) -> HttpResponse:
    """The patient references of all scans."""
    return HttpResponse(" ".join(scan.patient_ref for scan in Scan.objects.all()))


def note(request: HttpRequest) -> HttpResponse:
    """A field alone, without its scan's key."""
    return HttpResponse(Scan.objects.only("note").get().note)


def comment(request: HttpRequest) -> HttpResponse:
    """What belongs to a scan, without the scan."""
    return HttpResponse(Annotation.objects.only("comment").get().comment)


urlpatterns = [
    *known,
    path("everything/", everything),
    path("note/", note),
    path("comment/", comment),
]
