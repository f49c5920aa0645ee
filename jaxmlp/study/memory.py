"""How much memory a study may use, and how much it does."""

from pathlib import Path
from typing import Any

import jax
import psutil

Device = Any
"""A `jax.Device`, which is a variable to a type checker."""

HEADROOM = 0.8
"""Share of what is free that a study plans with: the rest is for Python, compiling, and everybody else."""

_CGROUP = Path("/sys/fs/cgroup")


def budget_bytes(device: Device) -> int | None:
    """What the programs on this device may use together; None where nothing can be read.

    A CPU's budget is what the machine, or the control group this process lives in, has left, shared by the CPU devices
    of this process; a GPU's is what its allocator has left.
    """
    if device.platform == "cpu":
        return int(HEADROOM * available_bytes() / len(jax.local_devices(backend="cpu")))
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return int(HEADROOM * (stats["bytes_limit"] - stats.get("bytes_in_use", 0)))


def available_bytes(cgroup: Path = _CGROUP) -> int:
    """Memory of this machine that is free or can be freed, at most what the control group still grants."""
    available = psutil.virtual_memory().available
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is None or used is None:
        return available
    return min(available, max(limit - used + _reclaimable(cgroup / "memory.stat"), 0))


def resident_bytes() -> int:
    """What this process holds now."""
    return psutil.Process().memory_info().rss


def _number(path: Path) -> int | None:
    """The number in a control group's file; None where there is no file, or no limit ("max")."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _reclaimable(path: Path) -> int:
    """Cached files count as used by the group, but the kernel drops them when memory is asked for."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
