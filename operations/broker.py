"""The queue of tasks in the web app's MongoDB: a database of its own, and its address for Celery."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

SOURCES = {"": "admin", "SCRAM-SHA-1": "admin", "SCRAM-SHA-256": "admin", "PLAIN": "$external"}
"""Where MongoDB looks a user up by default, for each way of signing in by which an address's database changes that."""


def broker_of(database: str) -> str:
    """The name of the database with the queue of tasks, beside the web app's database."""
    return f"{database}_broker"


def broker_url(mongodb_uri: str, database: str) -> str:
    """The address of the queue, on the MongoDB server at `mongodb_uri`, of the web app with that database.

    A user is looked up where the server's address says, and not in the queue's database. With `mongodb+srv` the
    server's DNS record says where, or else the address has to.
    """
    parts = urlsplit(mongodb_uri)
    options = {name.lower(): value for name, value in parse_qsl(parts.query)}
    source = SOURCES.get(options.get("authmechanism", "").upper(), "")
    query = parts.query
    if parts.scheme == "mongodb" and parts.username and source and "authsource" not in options:
        query = "&".join(filter(None, [query, f"authSource={parts.path.strip('/') or source}"]))
    return parts._replace(path=f"/{broker_of(database)}", query=query).geturl()
