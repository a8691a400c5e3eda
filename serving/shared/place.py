"""Which store a URL names."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from serving.shared.errors import StoreError
from serving.shared.folder import FolderObjects
from serving.shared.objects import Objects
from serving.shared.s3 import S3Objects

STORE_VARIABLE = "RETINOTE_MODEL_STORE"
"""The variable with the URL of the store that several model servers share."""
URL = re.compile(r"[a-z][a-z0-9+]*://.*", re.DOTALL)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def is_url(text: str) -> bool:
    """Whether a text is a URL, and so a shared store; other texts are folders of this machine."""
    return URL.fullmatch(text) is not None


def objects_at(url: str) -> Objects:
    """The store with that URL. Raises StoreError if it is no URL of one."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderObjects(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return s3_at(url)
    raise StoreError(
        f"'{url}' is no model store: write s3://BUCKET/PREFIX, or file:///FOLDER for a folder that machines share."
    )


def s3_at(url: str, what: str = "model store") -> S3Objects:
    """The objects in S3 at a URL. `what` is kept there. Raises StoreError if it is no such URL."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
        raise StoreError(f"'{url}' is no {what}: write s3://BUCKET/PREFIX.")
    return S3Objects(parts.netloc, unquote(parts.path), what)
