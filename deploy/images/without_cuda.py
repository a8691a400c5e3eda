"""Splits a lock file on standard input: PyTorch's own packages by version, or all others but CUDA's libraries.

python3 without_cuda.py torch < model-server.lock     torch==2.14.1 torchvision==0.29.1
python3 without_cuda.py rest < model-server.lock      the other blocks, as they are
"""

import re
import sys

TORCH = ("torch", "torchvision")
CUDA = re.compile(r"nvidia-|cuda-|triton$")


def blocks(lock: str) -> dict[str, str]:
    """The text of each requirement with its hashes, by the package's name and marker."""
    return {part.split(" \\")[0]: part for part in re.split(r"\n(?=\S)", lock.strip())}


def main() -> None:
    """Print what was asked for."""
    torch, rest = [], []
    for head, text in blocks(sys.stdin.read()).items():
        name, _, version = head.partition("==")
        if name in TORCH:
            torch.append(f"{name}=={version.split()[0]}")
        elif not CUDA.match(name):
            rest.append(text)
    print(" ".join(torch) if sys.argv[1:] == ["torch"] else "\n".join(rest))


if __name__ == "__main__":
    main()
