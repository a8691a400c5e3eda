"""What `./retinote bench tune` found best for a machine, in a file of the data folder that starting stacks read."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from serving.capacity import Batching, Capacity, capacity, core_count, gpu_count, processor_facts


def save(path: Path, found: Capacity, measured: list[dict[str, Any]]) -> None:
    """Keep what was found, with the machine and the measurements that it rests on."""
    content = {"machine": machine(), "capacity": asdict(found), "measured": measured}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def tuned(path: Path, announce: Callable[[str], None]) -> Capacity:
    """What was found for this machine, else the rule of thumb; a file that can't be used is announced and passed over."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = content["capacity"]
        found = Capacity(**{**kept, "batching": Batching(**kept["batching"])})
        made_on = content["machine"]
    except FileNotFoundError:
        return capacity()
    except (OSError, ValueError, TypeError, KeyError) as error:
        announce(f"{path} can't be read ({error}); ./retinote bench tune makes it anew")
        return capacity()
    if made_on != machine():
        announce(f"{path} was measured on another machine; ./retinote bench tune measures this one")
        return capacity()
    return found


def machine() -> dict[str, Any]:
    """The machine that a tuning holds for."""
    return {
        "processor": processor_facts().get("model name", "unknown"),
        "cores": core_count(),
        "gpus": gpu_count(),
    }
