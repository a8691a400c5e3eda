"""What goes wrong with a benchmark, in sentences that a person can act on."""


class BenchmarkError(Exception):
    """An expected failure; its text is one line (or a few): what happened, where, what to do."""
