"""How many devices a CPU shows itself as."""

import joblib

MOST_CPU_DEVICES = 16
"""Each has its copy of the dataset, and compiles for itself."""


def cpu_devices() -> int:
    """One for each core that a container or an affinity leaves: a single device is not filled by small nets."""
    return min(joblib.cpu_count(only_physical_cores=True), MOST_CPU_DEVICES)
