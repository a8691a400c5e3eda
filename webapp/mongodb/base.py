"""What Django loads for `ENGINE = "webapp.mongodb"`."""

import ctypes.util

# The backend looks for the libraries of Django's geographic fields, which are not used here; without them it works as
# well. The search runs ldconfig, gcc and ld for a dozen names, three times, and takes a quarter of the web app's start.
_find_library = ctypes.util.find_library
ctypes.util.find_library = lambda name: None
try:
    from django_mongodb_backend import base
    from django_mongodb_backend.operations import DatabaseOperations as MongoOperations
finally:
    ctypes.util.find_library = _find_library


class DatabaseOperations(MongoOperations):  # type: ignore[misc]
    """The backend's operations, with our query compiler."""

    compiler_module = "webapp.mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """A connection to MongoDB."""

    ops_class = DatabaseOperations
