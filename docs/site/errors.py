"""What keeps the docs from being made."""


class DocsError(Exception):
    """The docs, or their pictures, can't be made; its text says why, to people."""
