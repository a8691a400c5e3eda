"""The settings of an installation: the variables RETINOTE_…, read and checked once. docs/settings.md explains them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from handlers.checks import OneOf, must_be, refusal
from operations.environment import in_files
from operations.errors import OperationsError
from webapp.core import logs

PREFIX = "RETINOTE_"
ON, OFF = ("1", "true", "yes"), ("0", "false", "no")
MAY_BE_EMPTY = "RETINOTE_MODEL_MANAGEMENT_URL"
"""The one variable that may be empty: the management then can't be reached. Any other empty one counts as not set."""
DAY_HOURS, DAY_MINUTES = 24, 24 * 60
"""The most that a sign-in lasts: whoever finds a browser open the day after is not let in."""
LEAST_VOLUME_BYTES, MOST_VOLUME_BYTES = 2**20, 2**30
"""Of a file, which is in memory while it is decoded."""
MOST_A_MINUTE, MOST_PORT = 10**9, 65_535
MOST_HOURS = 24 * 366


def _whole(least: int, most: int) -> BeforeValidator:
    """A validator of whole numbers in this range, written in digits alone."""

    def check(text: str | int) -> int:
        digits = str(text)
        if not (digits.isascii() and digits.isdigit() and least <= int(digits[:10]) <= most):
            raise must_be(f"a whole number from {least} to {most}")
        return int(digits)

    return BeforeValidator(check)


def _ae_title(text: str) -> str:
    title = text.strip()
    if not (1 <= len(title) <= 16 and title.isascii() and title.isprintable() and "\\" not in title):
        raise must_be("1 to 16 characters of ASCII without backslash")
    return title


def _worklist(text: str) -> str:
    title, _, place = text.partition("@")
    host, _, port = place.rpartition(":")
    if not (
        _ae_title(title) and host and port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= MOST_PORT
    ):
        raise must_be("AE@HOST:PORT, such as RIS@10.0.4.5:104")
    return text


def _share(most: float) -> BeforeValidator:
    """A validator of numbers from 0 to `most`, such as 0.2."""

    def check(text: str | float) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most:
            raise must_be(f"a number from 0 to {most:g}")
        return number

    return BeforeValidator(check)


def _store(text: str) -> str:
    if not text.startswith(("s3://", "file:///")):
        raise must_be("the URL of a store, such as s3://BUCKET/PREFIX or file:///FOLDER")
    return text


def _media(text: str) -> str:
    if not text.startswith("s3://"):
        raise must_be("s3://BUCKET/PREFIX; without it images are in the data folder")
    return text


def _on_or_off(text: str) -> bool:
    if text.lower() not in (*ON, *OFF):
        raise must_be("1 or 0")
    return text.lower() in ON


def _folders(text: str) -> list[str]:
    return [folder for folder in text.split(os.pathsep) if folder.strip()]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


Flag = Annotated[bool, BeforeValidator(_on_or_off)]
Words = Annotated[list[str], BeforeValidator(_words)]
Folders = Annotated[list[str], BeforeValidator(_folders)]
Rate = Annotated[int, _whole(0, MOST_A_MINUTE)]
"""Requests a minute, 0 for no limit."""
Hours = Annotated[int, _whole(1, DAY_HOURS)]
Minutes = Annotated[int, _whole(1, DAY_MINUTES)]


class Environment(BaseModel):
    """A field for each variable: RETINOTE_DATA_DIR is `data_dir`."""

    model_config = ConfigDict(alias_generator=lambda name: PREFIX + name.upper(), extra="ignore", frozen=True)

    data_dir: Path | None = None
    secret_key: str = ""
    mongodb_uri: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    database: str = "retinote"
    broker_url: str = ""
    cache_url: str = ""
    model_server: str = "webapp.inference.torchserve.client"
    model_url: str = "http://127.0.0.1:8080"
    model_management_url: str = "http://127.0.0.1:8081"
    model_key_file: str = ""
    model_name: str = ""
    models: Words = []
    stored_models: Words = []
    modalities: Path | None = None
    model_metrics: str = ""
    model_changes: Path | None = None
    media: Annotated[str, BeforeValidator(_media)] = ""
    model_store: Annotated[str, BeforeValidator(_store)] = ""
    calibration_dir: Path | None = None
    gateway_secret: str = ""
    metrics_token: str = ""
    worker_metrics_port: Annotated[int, _whole(0, MOST_PORT)] = 0
    allowed_hosts: Words = ["localhost", "127.0.0.1", "[::1]"]
    trusted_origins: Words = []
    https: Flag = False
    debug: Flag = False
    proxies: Annotated[int, _whole(0, 20)] = 0
    # A worklist that is scrolled through asks for ten pictures a second, and a clinic shares an address.
    rate_address: Rate = 6000
    rate_user: Rate = 3000
    rate_upload: Rate = 600
    rate_export: Rate = 60
    rate_sign_in: Rate = 300
    sign_in_idle_minutes: Minutes = 60
    sign_in_hours: Hours = 12
    admin_idle_minutes: Minutes = 30
    admin_hours: Hours = 8
    verifying_readers: Annotated[int, _whole(0, 20)] = 2
    # Of learning runs.
    learning: Flag = False
    learn_threads: Annotated[int, _whole(0, 256)] = 0
    learn_processes: Annotated[int, _whole(1, 256)] = 1
    learn_replay: Folders = []
    learn_run_hours: Annotated[int, _whole(0, MOST_HOURS)] = 0
    learn_new_labels: Annotated[int, _whole(0, 10**6)] = 0
    # Of data sets that models learn from.
    learn_test_share: Annotated[float, _share(0.5)] = 0.2
    learn_seen_weight: Annotated[float, _share(1)] = 1.0
    learn_export_hours: Annotated[int, _whole(0, MOST_HOURS)] = 0
    max_volume_bytes: Annotated[int, _whole(LEAST_VOLUME_BYTES, MOST_VOLUME_BYTES)] = 256 * 2**20
    file_identity: Annotated[str, OneOf("pseudonymise", "drop", "keep")] = "pseudonymise"
    # Of what comes over the DICOM network protocol.
    dicom_ae_title: Annotated[str, BeforeValidator(_ae_title)] = "RETINOTE"
    dicom_tls_certificate: str = ""
    dicom_tls_key: str = ""
    dicom_tls_clients: str = ""
    dicom_associations: Annotated[int, _whole(1, 256)] = 16
    dicom_idle_seconds: Annotated[int, _whole(1, 3600)] = 30
    dicom_quiet_seconds: Annotated[int, _whole(0, 3600)] = 5
    dicom_worklist: Annotated[str, BeforeValidator(_worklist)] = ""
    dicom_keep_hours: Annotated[int, _whole(0, 10_000)] = 24
    pacs_secrets: Path | None = None
    dicom_origin: Annotated[str, OneOf("drop", "keep")] = "drop"
    log_format: Annotated[str, OneOf(logs.LINE, logs.JSON)] = logs.LINE


def read(variables: Mapping[str, str]) -> Environment:
    """Read the variables. Raises ImproperlyConfigured, which names those that can't be used."""
    given = {name: text for name, text in variables.items() if text or name == MAY_BE_EMPTY}
    try:
        return Environment.model_validate(given | in_files(given))
    except OperationsError as error:
        raise ImproperlyConfigured(str(error)) from error
    except ValidationError as error:
        raise ImproperlyConfigured(f"{refusal(error, 'the environment')}.") from error
