"""S3, or a server that speaks it, as a store that several machines share.

Address, region and keys come from the environment by the names that all of AWS' own tools use: AWS_ENDPOINT_URL_S3,
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; on AWS itself a pod's role will do. boto3 is loaded when a store is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from serving.shared.errors import Changed, StoreAway, StoreError, StoreFull
from serving.shared.objects import Stored

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 3, 20, 3
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
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise StoreError(
            "S3 needs the package boto3, which is not installed; the images and requirements.lock have it."
        ) from error
    elsewhere = any(variables.get(name) for name in ENDPOINTS)
    return boto3.session.Session().client(
        "s3",
        region_name=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # A bucket has no host name of its own in a private network.
            s3={"addressing_style": "path" if elsewhere else "auto"},
            # Servers other than AWS may not know its newer checksums. Weights have their own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Objects:
    """The objects of a bucket whose keys begin with a prefix. It may be shared between threads."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
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
        with self._errors():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
                return Stored(answer["Body"].read(), answer["ETag"])
            except self._client.exceptions.NoSuchKey:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        with self._errors():
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content)

    def exchange(self, name: str, content: bytes, expected: str | None) -> None:
        """Put an object if the present one has that ETag, or none is there. Raises Changed."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        try:
            with self._errors():
                self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content, **condition)
        except Changed:
            # If the answer to a first try was lost, it was we who changed it.
            present = self.read(name)
            if present is None or present.content != content:
                raise

    def fetch(self, name: str, target: Path) -> None:
        """Download an object, in parts if it is large."""
        with self._errors():
            self._client.download_file(self._bucket, self._key(name), str(target))

    def send(self, source: Path, name: str) -> None:
        """Upload a file, in parts if it is large: the object is there when the last part is."""
        with self._errors():
            self._client.upload_file(str(source), self._bucket, self._key(name))

    def delete(self, name: str) -> None:
        """Delete an object."""
        with self._errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self._bucket, Prefix=self._key(prefix))

    def _listed(self, page: Mapping[str, Any]) -> dict[str, datetime]:
        return {
            entry["Key"].removeprefix(self._prefix): entry["LastModified"]
            for entry in page.get("Contents", ())
        }

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except ClientError as error:
            raise self._error(error.response) from error
        except S3UploadFailedError as error:  # raised from the client's error, or from that of the network
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise self._error(cause.response) from error
            raise StoreAway(f"The model store {self.place} can't be reached ({cause or error}).") from error
        except NoCredentialsError as error:
            raise StoreAway(
                f"The model store {self.place} needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            ) from error
        except (BotoCoreError, OSError) as error:
            raise StoreAway(
                f"The model store {self.place} can't be reached ({type(error).__name__}): {error}"
            ) from error

    def _error(self, answer: Mapping[str, Any]) -> StoreError:
        code = str(answer["Error"].get("Code", ""))
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        if code in CHANGED or status == 412:
            return Changed(f"{self.place} was changed by somebody else meanwhile.")
        if code in FULL or status == 507:
            return StoreFull(f"The model store {self.place} is full: nothing more was written to it.")
        if code in MISSING:
            return StoreError(f"The model store {self.place} has no such object.")
        reason = REASONS.get(code) or f"{code}: {answer['Error'].get('Message', '')}".rstrip(": ")
        return StoreAway(f"The model store {self.place} can't be used: {reason}.")
