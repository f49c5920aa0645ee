"""Which processor a study runs on, as far as it says: a claim of speed holds on one, not on "a CPU"."""

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux tells of its processors."""
_UNITS = re.compile("(?:avx|amx|sse4|fma|neon|asimd|sve|bf16).*")
BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16", "bf16")
"""What multiplies bfloat16: without any of them it is converted to float32 and back."""


def describe_processor(cpuinfo: Path = CPUINFO) -> dict[str, str | list[str]]:
    """`name` and `units`, the vector units it has; empty where the system does not tell.

    >>> sorted(describe_processor(Path("no such file")))
    ['name', 'units']
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = [[part.strip() for part in line.partition(":")[::2]] for line in lines if ":" in line]
    names = [value for key, value in told if key in ("model name", "Processor", "CPU part")]
    flags = next((value.split() for key, value in told if key in ("flags", "Features")), [])
    return {"name": " ".join(names[0].split()) if names else "", "units": sorted(filter(_UNITS.fullmatch, flags))}


def bfloat16_is_slow(processor: dict[str, str | list[str]]) -> bool:
    """Whether a processor that names its units has none for bfloat16."""
    units = processor["units"]
    return bool(units) and not set(units) & set(BFLOAT16_UNITS)
