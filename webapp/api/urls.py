"""Addresses below /api/v1/."""

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from webapp.annotations.views import AnnotationView, ScanAnnotationsView
from webapp.calibration.views import CalibrationsView, UndoCalibrationView
from webapp.dashboard.views import DashboardView
from webapp.exports.views import ExportView
from webapp.gateway.views import inference_key
from webapp.reports.views import ReportView
from webapp.reviews.views import AdjudicationView, ReadingView, ReviewsView, ReviewView
from webapp.scans.options import OptionsView
from webapp.scans.views import HistoryViewSet, ScanViewSet

router = DefaultRouter()
router.register("scans", ScanViewSet, basename="scan")
router.register("history", HistoryViewSet, basename="history")

urlpatterns = [
    path("auth/", include("webapp.accounts.urls")),
    path("scans/<str:id>/annotations/", ScanAnnotationsView.as_view(), name="scan-annotations"),
    path("scans/<str:id>/review/", ReviewView.as_view(), name="scan-review"),
    path("scans/<str:id>/reading/", ReadingView.as_view(), name="scan-reading"),
    path("scans/<str:id>/adjudication/", AdjudicationView.as_view(), name="scan-adjudication"),
    path("scans/<str:id>/report/", ReportView.as_view(), name="scan-report"),
    path("dashboard/", DashboardView.as_view(), name="dashboard"),
    path("calibrations/", CalibrationsView.as_view(), name="calibrations"),
    path("calibrations/undo/", UndoCalibrationView.as_view(), name="calibration-undo"),
    path("exports/", ExportView.as_view(), name="exports"),
    path("internal/inference-key/", inference_key, name="inference-key"),
    path("options/", OptionsView.as_view(), name="options"),
    path("scans/<str:id>/reviews/", ReviewsView.as_view(), name="scan-reviews"),
    path("annotations/<str:id>/", AnnotationView.as_view(), name="annotation"),
    path("", include(router.urls)),
]
