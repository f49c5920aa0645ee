"""`python -m experiments`: see `experiments.cli`."""

import os
import sys

from experiments.cli import SIGNALLED, main

code = main()
if code > SIGNALLED:
    # A chunk may still run on the device's threads, and an interpreter that shuts down under them crashes.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
