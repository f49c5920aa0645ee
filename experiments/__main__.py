"""`python -m experiments`: see `experiments.lab.cli`."""

from experiments.lab.cli import run_experiments_line
from jaxmlp.cli.parsing import run_program

run_program(run_experiments_line)
