"""Content negotiation of calls that send no JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class PictureNegotiation(DefaultContentNegotiation):
    """For calls that always send a picture or a file: only their errors are rendered, as JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """The first renderer, so that `Accept: image/png` is no error."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
