"""`python -m experiments`: see `experiments.lab.cli`."""

import os
import sys

from experiments.lab.cli import SIGNALLED, main
from experiments.lab.jax_settings import NUM_CPU_DEVICES, cpu_devices

# Unless the user has chosen their number, or there are several processes, which may share the machine. A variable: jax,
# which reads it, is not loaded before a command needs it.
by_flags = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
if not by_flags and not any(word.startswith("--coordinator") for word in sys.argv):
    os.environ.setdefault(NUM_CPU_DEVICES, str(cpu_devices()))

code = main()
if code > SIGNALLED:
    # A chunk may still run on the device's threads, and an interpreter that shuts down under them crashes.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
