"""`python -m experiments`: see `experiments.lab.cli`."""

from experiments.lab.cli import main
from jaxmlp.cli.parsing import run_program

run_program(main)
