"""Permissions of views by ability. Querysets decide what a user may see."""

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User


class NeedsAbility(IsAuthenticated):
    """Allows signed-in users with the abilities that the view names.

    `needed_to_look` is for requests that change nothing; without it, the querysets decide. `needed_to_change` is for
    all others; without it, they are denied.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the user has the ability that the request needs."""
        if not super().has_permission(request, view) or not isinstance(request.user, User):
            return False
        looks = request.method in SAFE_METHODS
        needed: Ability | None = getattr(view, "needed_to_look" if looks else "needed_to_change", None)
        if needed is None:
            return looks
        self.message = (
            f"Your account lacks the ability {needed}; an administrator can give you a role that has it."
        )
        return request.user.may(needed)
