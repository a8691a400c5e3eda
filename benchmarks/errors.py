"""What goes wrong with a benchmark, said so that a person can act on it."""


class BenchmarkError(Exception):
    """An expected failure; its text is one line (or a few): what happened, where, what to do."""
