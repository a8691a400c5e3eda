"""What Django loads for `ENGINE = "webapp.mongodb"`."""

import ctypes.util

# The backend looks for the libraries of Django's geographic fields, which are not used here, and does without if there
# are none. Looking asks ldconfig, gcc and ld for a dozen names, three times: a quarter of the web app's start.
_find_library = ctypes.util.find_library
ctypes.util.find_library = lambda name: None
try:
    from django_mongodb_backend import base
    from django_mongodb_backend.operations import DatabaseOperations as MongoOperations
finally:
    ctypes.util.find_library = _find_library


class DatabaseOperations(MongoOperations):  # type: ignore[misc]
    """MongoDB's operations, with our compilers of queries."""

    compiler_module = "webapp.mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """A connection to MongoDB."""

    ops_class = DatabaseOperations
