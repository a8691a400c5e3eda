"""What Django loads for `ENGINE = "webapp.mongodb"`."""

from django_mongodb_backend import base
from django_mongodb_backend.operations import DatabaseOperations as MongoOperations


class DatabaseOperations(MongoOperations):  # type: ignore[misc]
    """MongoDB's operations, with our compilers of queries."""

    compiler_module = "webapp.mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """A connection to MongoDB."""

    ops_class = DatabaseOperations
