"""All addresses of the web app."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from webapp.api import health
from webapp.core.page import page

# Where the page is; it finds out for itself what to show.
PAGE_ROUTES = ("", "sign-in", "scans/<str:scan>", "compare", "dashboard")

urlpatterns = [
    *(path(route, page, name="page" if not route else None) for route in PAGE_ROUTES),
    path("healthz/", health.alive, name="healthz"),
    path("readyz/", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("webapp.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/auth/", include("rest_framework.urls")),
]
handler400 = "webapp.api.errors.bad_request"
handler403 = "webapp.api.errors.permission_denied"
handler404 = "webapp.api.errors.not_found"
handler500 = "webapp.api.errors.server_error"
