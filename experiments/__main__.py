"""`python -m experiments`: see `experiments.cli`."""

import os
import sys

import jax

from experiments.cli import SIGNALLED, main
from experiments.cores import cpu_devices

# Unless the user has chosen their number, or there are several processes, which may share the machine.
chosen = (
    "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    or jax.config.values["jax_num_cpu_devices"] > 0
)
if not chosen and not any(word.startswith("--coordinator") for word in sys.argv):
    jax.config.update("jax_num_cpu_devices", cpu_devices())

code = main()
if code > SIGNALLED:
    # A chunk may still run on the device's threads, and an interpreter that shuts down under them crashes.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
