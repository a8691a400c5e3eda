"""Compiles a model's network into one file: `python -m handlers.engines.compiling FOLDER OUT`."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import torch

from handlers.engines.changing import NICENESS
from handlers.engines.int8 import put_int8
from handlers.engines.serving_network import ServingNetwork, fast_precision
from handlers.engines.settings import COMPILED, INT8
from handlers.network import load_decoder, load_network, load_ranges

FREEZING = {"freezing": True}
"""Makes constants of the weights, stored in the order in which the processor's matrix kernels read them."""


PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def compile_network(folder: Path, out: Path, max_batch: int, engine: str = COMPILED) -> None:
    """Compile the model in `folder` to `out` for batches of 1 to `max_batch`, this machine and torch's threads.

    `engine` is COMPILED, or INT8 for a model whose card has ranges.
    """
    precision = fast_precision(torch.device("cpu"))
    card, network = load_network(folder)
    decoder = load_decoder(folder, card, network)
    if engine == INT8:
        ranges = load_ranges(folder, card, network)
        assert ranges is not None  # see int8.why_not
        put_int8(network, ranges, precision)
    serving = ServingNetwork(network, card.input, precision, decoder).eval()
    # For an example of one image the batch would be compiled as a constant size.
    example = torch.zeros(max(2, max_batch), 3, card.input.size, card.input.size, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=max(2, max_batch))
    with torch.no_grad():
        program = torch.export.export(serving, (example,), dynamic_shapes=({0: batch},))
        torch._inductor.aoti_compile_and_package(program, package_path=str(out), inductor_configs=FREEZING)


def end_with(parent: int) -> None:
    """Have this process killed when its parent ends. Exits if that has happened."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that wanted the network has ended")


def give_way() -> None:
    """Leave the cores to whatever else wants them, and be the first to be killed if memory runs out."""
    os.nice(max(0, NICENESS - os.getpriority(os.PRIO_PROCESS, 0)))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main() -> None:
    """Read the command line and compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--max-batch", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True, help="the process with which this one ends")
    parser.add_argument("--background", action="store_true", help="leave the cores to others")
    parser.add_argument("--engine", choices=(COMPILED, INT8), default=COMPILED)
    options = parser.parse_args()
    end_with(options.parent)
    if options.background:
        give_way()
    torch.set_num_threads(options.threads)
    compile_network(options.folder, options.out, options.max_batch, options.engine)


if __name__ == "__main__":
    main()
