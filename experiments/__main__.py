"""`python -m experiments`: see `experiments.cli`."""

import os
import sys

import jax
import joblib

from experiments.cli import SIGNALLED, main

MOST_CPU_DEVICES = 16
"""Each has its copy of the dataset, and compiles for itself."""

# A CPU shows itself as one device, which small nets do not fill: show one for each core, unless the user has chosen, or
# there are several processes, which may share the machine.
chosen = (
    "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    or jax.config.values["jax_num_cpu_devices"] > 0
)
if not chosen and not any(word.startswith("--coordinator") for word in sys.argv):
    jax.config.update("jax_num_cpu_devices", min(joblib.cpu_count(only_physical_cores=True), MOST_CPU_DEVICES))

code = main()
if code > SIGNALLED:
    # A chunk may still run on the device's threads, and an interpreter that shuts down under them crashes.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
