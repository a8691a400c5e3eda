"""S3, or a server that speaks it, as a store that several machines share.

Address, region and keys come from the environment by the names that all of AWS' own tools use: AWS_ENDPOINT_URL_S3,
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; on AWS itself a pod's role will do. boto3 is loaded when a store is used.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from serving.shared.errors import Changed, StoreAway, StoreError, StoreFull, StoreMissing
from serving.shared.objects import Stored

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES, CONNECTIONS = 3, 20, 3, 16
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
DEFAULT_REGION = "us-east-1"
"""Servers other than AWS take any region, but the signature needs one."""
MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientStorage", "507"})
REASONS: Mapping[str, str] = {
    "InvalidAccessKeyId": "it does not know the access key (AWS_ACCESS_KEY_ID)",
    "SignatureDoesNotMatch": "the secret key is not the one of the access key (AWS_SECRET_ACCESS_KEY)",
    "AccessDenied": "these keys may not do this here",
    "403": "these keys may not do this here",
    "RequestTimeTooSkewed": "this machine's clock is too far from its own: set the clock (NTP)",
    "RequestExpired": "this machine's clock is too far from its own: set the clock (NTP)",
    "ExpiredToken": "the session token has expired",
    "NoSuchBucket": "there is no such bucket; make it first",
}
"""What its codes mean for whoever runs an installation."""


def client(variables: Mapping[str, str] = os.environ) -> Any:
    """A client of boto3 by the environment. Raises StoreError if boto3 is missing."""
    # It tells at each client where it found the keys.
    logging.getLogger("botocore.credentials").setLevel(logging.WARNING)
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise StoreError(
            "S3 needs the package boto3, which is not installed; the images and requirements.lock have it."
        ) from error
    return boto3.session.Session().client("s3", **options(variables))


def options(variables: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The options of clients: where S3 is, how long it may take, and what servers other than AWS need."""
    from botocore.config import Config

    elsewhere = next((variables[name] for name in ENDPOINTS if variables.get(name)), None)
    return {
        "endpoint_url": elsewhere,
        "region_name": variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
        "config": Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=CONNECTIONS,
            # A bucket has no host name of its own in a private network.
            s3={"addressing_style": "path" if elsewhere else "auto"},
            # Servers other than AWS may not know its newer checksums. Weights have their own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    }


class S3Objects:
    """The objects of a bucket whose keys begin with a prefix. It may be shared between threads."""

    def __init__(self, bucket: str, prefix: str, what: str = "model store") -> None:
        self._bucket = bucket
        self._what = what
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def place(self) -> str:
        """The URL."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @cached_property
    def _client(self) -> Any:
        return client()

    def names(self, prefix: str) -> list[str]:
        """The names that begin so."""
        return sorted(name for page in self._pages(prefix) for name in self._listed(page))

    def ages(self, prefix: str) -> dict[str, float]:
        """The names that begin so, with their ages by the store's clock, whatever this machine's says."""
        ages: dict[str, float] = {}
        for page in self._pages(prefix):
            now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
            ages |= {name: (now - written).total_seconds() for name, written in self._listed(page).items()}
        return ages

    def read(self, name: str) -> Stored | None:
        """An object's content, and its ETag."""
        with explained(self.place, self._what):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
                return Stored(answer["Body"].read(), answer["ETag"])
            except self._client.exceptions.NoSuchKey:
                return None

    def small(self, name: str, most_bytes: int) -> bytes | None:
        """The content of an object, by one request; None for a larger one, or if it breaks off. Raises StoreMissing."""
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

        with explained(self.place, self._what):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > most_bytes:
                    return None
                try:
                    content: bytes = body.read()
                except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                    return None
                return content

    def beginning(self, name: str, count: int) -> tuple[bytes, int]:
        """The first bytes of an object, and how many it has. Raises StoreMissing."""
        with explained(self.place, self._what):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key(name), Range=f"bytes=0-{count - 1}"
            )
            return answer["Body"].read(), int(answer["ContentRange"].rpartition("/")[2])

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        with explained(self.place, self._what):
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content)

    def exchange(self, name: str, content: bytes, expected: str | None) -> None:
        """Put an object if the present one has that ETag, or none is there. Raises Changed."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        try:
            with explained(self.place, self._what):
                self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content, **condition)
        except Changed:
            # If the answer to a first try was lost, it was we who changed it.
            present = self.read(name)
            if present is None or present.content != content:
                raise

    def fetch(self, name: str, target: Path) -> None:
        """Download an object, in parts if it is large. Raises StoreMissing."""
        with explained(self.place, self._what):
            self._client.download_file(self._bucket, self._key(name), str(target))

    def send(self, source: Path, name: str) -> None:
        """Upload a file, in parts if it is large: the object is there when the last part is."""
        with explained(self.place, self._what):
            self._client.upload_file(str(source), self._bucket, self._key(name))

    def delete(self, name: str) -> None:
        """Delete an object."""
        with explained(self.place, self._what):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        with explained(self.place, self._what):
            pages = self._client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self._bucket, Prefix=self._key(prefix))

    def _listed(self, page: Mapping[str, Any]) -> dict[str, datetime]:
        return {
            entry["Key"].removeprefix(self._prefix): entry["LastModified"]
            for entry in page.get("Contents", ())
        }


@contextmanager
def explained(place: str, what: str = "model store") -> Iterator[None]:
    """Raise StoreError, with a sentence about `what` at a place, for what boto3 raises within this context."""
    from boto3.exceptions import RetriesExceededError, S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from s3transfer.exceptions import RetriesExceededError as AllTriesBrokeOff

    try:
        yield
    except ClientError as error:
        raise _error(error.response, place, what) from error
    except S3UploadFailedError as error:  # raised from the client's error, or from that of the network
        cause = error.__context__
        if isinstance(cause, ClientError):
            raise _error(cause.response, place, what) from error
        raise StoreAway(f"The {what} {place} can't be reached ({cause or error}).") from error
    except NoCredentialsError as error:
        raise StoreAway(
            f"The {what} {place} needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    except (BotoCoreError, OSError, RetriesExceededError, AllTriesBrokeOff) as error:
        raise StoreAway(f"The {what} {place} can't be reached ({type(error).__name__}): {error}") from error


def _error(answer: Mapping[str, Any], place: str, what: str) -> StoreError:
    code = str(answer["Error"].get("Code", ""))
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    if code in CHANGED or status == 412:
        return Changed(f"{place} was changed by somebody else meanwhile.")
    if code in FULL or status == 507:
        return StoreFull(f"The {what} {place} is full: nothing more was written to it.")
    if code in MISSING:
        return StoreMissing(f"The {what} {place} has no such object.")
    reason = REASONS.get(code) or f"{code}: {answer['Error'].get('Message', '')}".rstrip(": ")
    return StoreAway(f"The {what} {place} can't be used: {reason}.")
