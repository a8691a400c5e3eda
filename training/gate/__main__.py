"""`python -m training.gate`: behind `./retinote models gate`."""

import sys

from training.gate.commands import main

if __name__ == "__main__":  # the simulator's processes import this module again
    sys.exit(main(sys.argv[1:]))
