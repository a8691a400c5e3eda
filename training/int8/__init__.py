"""Ranges by which a finished model can be served in int8, and the check that its answers stay the same."""
