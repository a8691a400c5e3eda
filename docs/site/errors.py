"""The error of `docs`."""


class DocsError(Exception):
    """The site or its pictures can't be made. Its text is a sentence that says why."""
