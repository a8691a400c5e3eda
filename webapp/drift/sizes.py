"""How many scans are compared with how many. They were chosen on the val split of `bench drift`."""

BLOCK = 50
"""New scans, one of each patient, that are compared at once."""
LARGE_BLOCK = 200
"""The same where as many wait: after a pause of the worker, or on a busy day."""
EARLIER = 200
"""Earlier scans, one of each patient in a block, with which new ones are compared."""
