"""All addresses of the web app."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from webapp.annotations.measure_views import DrawnView
from webapp.annotations.views import AnnotationView, ScanAnnotationsView
from webapp.api import health
from webapp.calibration.views import CalibrationsView, UndoCalibrationView
from webapp.core.page import page
from webapp.dashboard.views import DashboardView
from webapp.exports.views import ExportView
from webapp.fhir.views import FhirView, VolumeFhirView
from webapp.gates.views import GatesView
from webapp.gateway.views import inference_key
from webapp.history.views import HistoryViewSet
from webapp.learning.views import DataSetsView
from webapp.pacs.results import What
from webapp.pacs.views import ResultView, SendingsView, VolumeResultView
from webapp.receiver.stow import store_studies
from webapp.reports.views import ReportView
from webapp.reviews.views import AdjudicationView, ReadingView, ReviewsView, ReviewView
from webapp.scans.options import OptionsView
from webapp.scans.views import ScanViewSet
from webapp.volumes.follow_up_views import FollowUpView
from webapp.volumes.views import EnfaceView, VolumesView, VolumeView

# The addresses of the page, which decides itself what to show.
PAGE_ROUTES = ("", "sign-in", "scans/<str:scan>", "follow-up/<str:scan>", "compare", "dashboard")

router = DefaultRouter()
router.register("scans", ScanViewSet, basename="scan")
router.register("history", HistoryViewSet, basename="history")
api: list[URLPattern | URLResolver] = [
    path("auth/", include("webapp.accounts.urls")),
    path("scans/<str:id>/annotations/", ScanAnnotationsView.as_view(), name="scan-annotations"),
    path("scans/<str:id>/drawn/", DrawnView.as_view(), name="scan-drawn"),
    path("scans/<str:id>/follow-up/", FollowUpView.as_view(), name="scan-follow-up"),
    path("scans/<str:id>/review/", ReviewView.as_view(), name="scan-review"),
    path("scans/<str:id>/reading/", ReadingView.as_view(), name="scan-reading"),
    path("scans/<str:id>/adjudication/", AdjudicationView.as_view(), name="scan-adjudication"),
    path("scans/<str:id>/report/", ReportView.as_view(), name="scan-report"),
    path("scans/<str:id>/fhir/", FhirView.as_view(), name="scan-fhir"),
    path("scans/<str:id>/sendings/", SendingsView.as_view(), name="scan-sendings"),
    *(
        path(f"{kind}s/<str:id>/dicom/{what}/", view.as_view(what=what), name=f"{kind}-dicom-{what}")
        for kind, view in (("scan", ResultView), ("volume", VolumeResultView))
        for what in What.values
    ),
    path("dashboard/", DashboardView.as_view(), name="dashboard"),
    path("calibrations/", CalibrationsView.as_view(), name="calibrations"),
    path("calibrations/undo/", UndoCalibrationView.as_view(), name="calibration-undo"),
    path("data-sets/", DataSetsView.as_view(), name="data-sets"),
    path("gates/", GatesView.as_view(), name="gates"),
    path("exports/", ExportView.as_view(), name="exports"),
    path("internal/inference-key/", inference_key, name="inference-key"),
    path("options/", OptionsView.as_view(), name="options"),
    path("scans/<str:id>/reviews/", ReviewsView.as_view(), name="scan-reviews"),
    path("annotations/<str:id>/", AnnotationView.as_view(), name="annotation"),
    path("volumes/", VolumesView.as_view(), name="volumes"),
    path("volumes/<str:id>/", VolumeView.as_view(), name="volume"),
    path("volumes/<str:id>/fhir/", VolumeFhirView.as_view(), name="volume-fhir"),
    path("volumes/<str:id>/enface/", EnfaceView.as_view(), name="volume-enface"),
    path("", include(router.urls)),
]

urlpatterns = [
    *(path(route, page, name="page" if not route else None) for route in PAGE_ROUTES),
    path("healthz/", health.alive, name="healthz"),
    path("readyz/", health.ready, name="readyz"),
    path("dicomweb/studies", store_studies, name="studies"),
    path("dicomweb/studies/<str:study>", store_studies, name="study"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/auth/", include("rest_framework.urls")),
]
handler400 = "webapp.api.errors.bad_request"
handler403 = "webapp.api.errors.permission_denied"
handler404 = "webapp.api.errors.not_found"
handler500 = "webapp.api.errors.server_error"
