"""What the gates of model versions said, over the API, for those who manage versions."""

from __future__ import annotations

from functools import partial

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import works_with
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.throttling import UserRate
from webapp.gates.verdicts import MOST_LISTED, verdicts


class GateVerdictSerializer(serializers.Serializer[object]):
    """What the gate said of a version. No figure is in it: those on few scans tell what was said of each."""

    name = serializers.CharField(read_only=True, help_text="The model.")
    version = serializers.CharField(read_only=True)
    passed = serializers.BooleanField(
        read_only=True, allow_null=True, help_text="Null where the gate can't be read."
    )
    words = serializers.CharField(read_only=True, help_text="The same in words.")
    against = serializers.CharField(read_only=True, help_text="The version that it was compared with.")
    made = serializers.CharField(read_only=True, help_text="When, as ISO 8601.")
    sha256 = serializers.CharField(read_only=True, help_text="Of the gate, as the audit has it.")
    page = serializers.CharField(
        read_only=True, help_text="Address of the version's page in the administration, with all checks."
    )


class GatesView(APIView):
    """The gates of model versions, of the modalities that the user works with."""

    permission_classes = (NeedsAbility,)
    throttle_classes = (UserRate,)
    needed_to_look = Ability.MANAGE

    @extend_schema(
        responses=GateVerdictSerializer(many=True),
        description=f"What the gates of model versions said, the newest first, {MOST_LISTED} at most.",
    )
    def get(self, request: Request) -> Response:
        """What the gates said."""
        assert isinstance(request.user, User)
        told = verdicts(partial(works_with, request.user))
        return Response(GateVerdictSerializer(told, many=True).data)
