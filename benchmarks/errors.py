"""The errors of benchmarks."""


class BenchmarkError(Exception):
    """An expected failure; the message says in a line or a few what happened, where, and what to do."""
