"""Reviews in the admin; they are a record, so nothing about them can be changed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from webapp.recommendations.doubt import with_doubts
from webapp.reviews.models import Review
from webapp.scans.admin_additions import add_inline
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.models import Scan
from webapp.scans.thumbnail import scan_link


class ReviewInline(admin.TabularInline[Review, Scan]):
    """The verdicts on a scan, on its page."""

    model = Review
    extra = 0
    can_delete = False
    fields = readonly_fields = ("created", "reader", "verdict", "label", "comment", "read_by", "current")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """The verdicts with their readers, in one query."""
        return super().get_queryset(request).select_related("reader")

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They come from readers."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """Nobody edits another's verdict."""
        return False

    @admin.display(description="On the prediction")
    def read_by(self, review: Review) -> str:
        """What the model said, and whether the reader knew it."""
        before = "given before it was shown: " if review.blind else ""
        return f"{before}{review.model_answer.text} by {review.model_name} {review.model_version}"


@admin.register(Review)
class ReviewAdmin(DisclosingAdmin[Review]):
    """Who said what of which prediction."""

    list_display = ("picture", "verdict", "label", "model_said", "current", "reader", "comment", "created")
    list_display_links = ("verdict", "created")
    list_filter = ("verdict", "current", "model_state", "model_label", "model_version")
    search_fields = ("comment", "label", "reader__username")
    list_select_related = ("reader", "scan")
    date_hierarchy = "created"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from readers."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Review | None = None) -> bool:
        """Nobody edits another's verdict."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Review | None = None) -> bool:
        """A verdict goes only with its scan."""
        return False

    @admin.display(description="Model said", ordering="model_label")
    def model_said(self, review: Review) -> str:
        """The answer that the verdict was on, with the doubts about the picture, which hold for every answer."""
        return with_doubts(review.model_answer.text, review.scan.quality)

    @admin.display(description="Scan")
    def picture(self, review: Review) -> SafeString:
        """The scan, small, leading to its page."""
        return scan_link(review.scan_id)


add_inline(ReviewInline)
