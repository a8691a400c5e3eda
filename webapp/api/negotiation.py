"""In what form an answer is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class PictureNegotiation(DefaultContentNegotiation):
    """For calls that send a picture, whatever is asked for: only their errors are rendered, and as JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """The first renderer, so that `Accept: image/png` is no error."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
