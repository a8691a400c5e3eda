"""Documents as files: for each collection a gzip of BSON, all from one moment."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from operations.backup.archive import NAME
from operations.backup.errors import BackupError
from operations.backup.manifest import Collection

RESTORING = "restoring."
"""Prefix of collections that are being restored, until all of them are there."""
LEVEL = 1
"""gzip's fastest: documents are a small part of a backup."""
BATCH_DOCUMENTS, BATCH_BYTES = 1000, 8 * 2**20
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
PRIMARY_INDEX = "_id_"
TOO_OLD, UNAVAILABLE = 239, 246  # MongoDB error codes

AnyDatabase = Database[dict[str, Any]]


class SnapshotLost(BackupError):
    """MongoDB no longer has the snapshot that was read, or does not have it yet."""


def dump(database: AnyDatabase, folder: Path, each: Callable[[bytes], None]) -> list[Collection]:
    """Write every collection to `folder/NAME.bson.gz` as it was at one moment; `each` is called with every document.

    Raises SnapshotLost if reading takes longer than MongoDB keeps a snapshot: five minutes, unless its parameter
    minSnapshotHistoryWindowInSeconds is set.
    """
    try:
        with database.client.start_session(snapshot=True) as session:
            return [
                _dump_collection(database, facts, folder, each, session) for facts in _collections(database)
            ]
    except OperationFailure as failure:
        if failure.code not in (TOO_OLD, UNAVAILABLE):
            raise
        raise SnapshotLost(
            "Reading the documents took longer than MongoDB keeps a snapshot. If it happens again, let MongoDB keep it "
            "for longer: db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})."
        ) from failure


def _collections(database: AnyDatabase) -> Iterator[Mapping[str, Any]]:
    for facts in sorted(database.list_collections(), key=lambda facts: str(facts["name"])):
        name = facts["name"]
        if facts["type"] != "collection" or name.startswith(("system.", RESTORING)):
            continue
        if not NAME.fullmatch(name) or "/" in name:
            raise BackupError(f"The collection {name!r} has a name that a backup can't hold.")
        yield facts


def _dump_collection(
    database: AnyDatabase,
    facts: Mapping[str, Any],
    folder: Path,
    each: Callable[[bytes], None],
    session: ClientSession,
) -> Collection:
    name, count = str(facts["name"]), 0
    with gzip.open(folder / f"{name}.bson.gz", "wb", compresslevel=LEVEL) as file:
        for document in database.with_options(RAW)[name].find(session=session):
            file.write(document.raw)
            each(bytes(document.raw))
            count += 1
    indexes = [
        {key: value for key, value in index.items() if key not in ("v", "ns")}
        for index in database[name].list_indexes()
        if index["name"] != PRIMARY_INDEX
    ]
    return Collection(name, count, json_util.dumps(indexes), json_util.dumps(facts.get("options", {})))


def load(
    database: AnyDatabase, collections: tuple[Collection, ...], folder: Path, each: Callable[[int], None]
) -> None:
    """Load the collections that `dump` wrote, with their indexes, under names with the prefix `RESTORING`.

    `each` is called with the number of documents of each batch. Raises BackupError if a collection is not as its
    manifest says; those that were loaded before stay, for `drop_loaded`.
    """
    drop_loaded(database)
    for facts in collections:
        name = f"{RESTORING}{facts.name}"
        database.create_collection(name, **json_util.loads(facts.options))
        target = database.with_options(RAW)[name]
        for batch in _batches(folder / f"{facts.name}.bson.gz"):
            target.insert_many(batch)
            each(len(batch))
        if target.count_documents({}) != facts.documents:
            raise BackupError(
                f"{facts.name} does not have the {facts.documents} documents that the backup names."
            )
        indexes = json_util.loads(facts.indexes)
        if indexes:
            database.command("createIndexes", name, indexes=indexes)


def _batches(file: Path) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    with gzip.open(file, "rb") as opened:
        for document in bson.decode_file_iter(cast(IO[bytes], opened), codec_options=RAW):
            batch.append(document)
            size += len(document.raw)
            if len(batch) == BATCH_DOCUMENTS or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def loaded(database: AnyDatabase, name: str) -> MongoCollection[dict[str, Any]]:
    """A collection that `load` has loaded, before `switch` gives it its name."""
    return database[f"{RESTORING}{name}"]


def switch(database: AnyDatabase, collections: tuple[Collection, ...]) -> None:
    """Replace all collections by those that `load` has loaded. Each step is a single renaming."""
    for facts in collections:
        loaded(database, facts.name).rename(facts.name, dropTarget=True)
    restored = {facts.name for facts in collections}
    for other in _collections(database):
        if other["name"] not in restored:
            database.drop_collection(other["name"])


def drop_loaded(database: AnyDatabase) -> None:
    """Drop what `load` has loaded, also in an earlier restore that was interrupted."""
    for name in database.list_collection_names():
        if name.startswith(RESTORING):
            database.drop_collection(name)


def count(database: AnyDatabase) -> int:
    """The number of documents in the database."""
    return sum(database[facts["name"]].count_documents({}) for facts in _collections(database))
