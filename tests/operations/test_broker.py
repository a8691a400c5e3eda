"""The queue of tasks has a database of its own, in which nobody looks for the address's user."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.broker import broker_url
from operations.stack.webapp import environment


@pytest.mark.parametrize(
    ("uri", "queue"),
    [
        ("mongodb://h/?replicaSet=rs0", "mongodb://h/retinote_broker?replicaSet=rs0"),
        ("mongodb://u:p@h", "mongodb://u:p@h/retinote_broker?authSource=admin"),
        (
            "mongodb://u:p%40q@a:27017,b:27018/?replicaSet=rs0",
            "mongodb://u:p%40q@a:27017,b:27018/retinote_broker?replicaSet=rs0&authSource=admin",
        ),
        ("mongodb://u:p@h/clinic", "mongodb://u:p@h/retinote_broker?authSource=clinic"),
        ("mongodb://u:p@h/clinic?authsource=x", "mongodb://u:p@h/retinote_broker?authsource=x"),
        (
            "mongodb://u:p@h/?authMechanism=PLAIN",
            "mongodb://u:p@h/retinote_broker?authMechanism=PLAIN&authSource=$external",
        ),
        # A certificate's user is always looked up outside of MongoDB.
        (
            "mongodb://u@h/?authMechanism=MONGODB-X509",
            "mongodb://u@h/retinote_broker?authMechanism=MONGODB-X509",
        ),
        # The DNS record of such an address names where.
        ("mongodb+srv://u:p@h/clinic", "mongodb+srv://u:p@h/retinote_broker"),
    ],
)
def test_the_user_is_looked_up_where_the_address_says(uri: str, queue: str) -> None:
    assert broker_url(uri, "retinote") == queue


@pytest.mark.parametrize(("path", "source"), [("", "admin"), ("clinic", "clinic")])
def test_a_stack_on_another_server_signs_its_worker_in(tmp_path: Path, path: str, source: str) -> None:
    variables = environment(
        data=tmp_path,
        secret_key="x",
        mongodb_uri=f"mongodb://u:p@h/{path}?replicaSet=rs0",
        model_url="http://127.0.0.1:8080",
        management_url="http://127.0.0.1:8081",
        key_file=tmp_path / "key",
        model_metrics=tmp_path / "metrics",
        calibration=tmp_path / "calibration",
        inherited={"RETINOTE_DATABASE": "oct"},
    )

    assert (
        variables["RETINOTE_BROKER_URL"] == f"mongodb://u:p@h/oct_broker?replicaSet=rs0&authSource={source}"
    )
