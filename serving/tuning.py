"""The best capacity for a machine as `./retinote bench tune` measured it, in a file that starting stacks read."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from handlers.engines.settings import WITHOUT_WAITING
from serving.capacity import Batching, Capacity, capacity, core_count, gpu_count, processor_facts


def save(path: Path, best: Capacity, measured: list[dict[str, Any]]) -> None:
    """Write the best capacity, with this machine and the measurements that show it."""
    content = {"machine": machine(), "capacity": asdict(best), "measured": measured}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def load_tuned(path: Path, announce: Callable[[str], None]) -> Capacity:
    """The capacity that was measured for this machine, or else the rule of thumb. An unusable file is announced."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = content["capacity"]
        best = Capacity(**{**kept, "batching": Batching(**kept["batching"])})
        best = replace(best, engine=WITHOUT_WAITING.get(best.engine, best.engine))
        made_on = content["machine"]
    except FileNotFoundError:
        return capacity()
    except (OSError, ValueError, TypeError, KeyError) as error:
        announce(f"{path} can't be read ({error}); ./retinote bench tune makes a new one")
        return capacity()
    if made_on != machine():
        announce(f"{path} was measured on another machine; ./retinote bench tune measures this one")
        return capacity()
    return best


def machine() -> dict[str, Any]:
    """The facts that identify a machine: its processor, cores and GPUs."""
    return {
        "processor": processor_facts().get("model name", "unknown"),
        "cores": core_count(),
        "gpus": gpu_count(),
    }
