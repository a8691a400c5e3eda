"""How another service calls the model server without the web app: the README's lines, run as they stand there."""

from pathlib import Path

from tests.waiting import wait_for  # noqa: F401

PROTO = Path(__file__).parents[2] / "serving" / "proto"
