"""The database backend: MongoDB's own, with sorted lists that use the indexes."""
