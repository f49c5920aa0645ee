"""How much memory a study may use, and how much it does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import psutil

Device = Any
"""A `jax.Device`, which is a variable to a type checker."""

HEADROOM = 0.8
"""Share of what is free that a study plans with: the rest is for Python, compiling, and everybody else."""

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def available_bytes(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Memory of this machine that is free or can be freed, at most what the control groups still grant."""
    return min([psutil.virtual_memory().available, *(max(left, 0) for left in _left_in_cgroups(cgroups, own))])


def budget_bytes(device: Device, available: Callable[[], int] = available_bytes) -> int | None:
    """What the programs on this device may use together; None where nothing can be read.

    A CPU's budget is what the machine, or the control groups this process lives in, have left, shared by the CPU
    devices of all processes of the study, as if they were on one machine; a GPU's is what its allocator has left.
    """
    if device.platform == "cpu":
        return int(HEADROOM * available() / jax.device_count(backend="cpu"))
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return int(HEADROOM * (stats["bytes_limit"] - stats.get("bytes_in_use", 0)))


def resident_bytes() -> int:
    """What this process holds now."""
    return psutil.Process().memory_info().rss


def _left_in_cgroups(cgroups: Path, own: Path) -> Iterator[int]:
    """What this process's control groups and those above them have left, where they have a limit.

    Version 2 has one tree, whose files are memory.max, memory.current and memory.stat; version 1 has a tree for memory
    alone. A container may show its own group as the root of the tree.
    """
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = cgroups, ("memory.max", "memory.current", "inactive_file ")
        elif "memory" in controllers.split(","):
            root, files = cgroups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *(parent for parent in group.parents if parent.is_relative_to(root))):
            limit, used = _number(folder / files[0]), _number(folder / files[1])
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(folder / "memory.stat", files[2])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    """The number in a control group's file; None where there is no file, or no limit ("max")."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _reclaimable(path: Path, name: str) -> int:
    """Cached files count as used by the group, but the kernel drops them when memory is asked for."""
    return sum(int(line.split()[1]) for line in _text(path).splitlines() if line.startswith(name))
