"""Who may do what, by role. What a user may see is decided by the querysets, not here."""

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from webapp.accounts.models import User


class ResearchersOnlyRead(IsAuthenticated):
    """Signed-in users; researchers may read and change nothing."""

    message = "Researchers read; they don't upload, change or delete."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the request may go on."""
        if not super().has_permission(request, view):
            return False
        user = request.user
        return isinstance(user, User) and (request.method in SAFE_METHODS or not user.is_researcher)
