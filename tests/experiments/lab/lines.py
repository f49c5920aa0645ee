"""What tests of the command line share."""

from dataclasses import replace

from experiments.lab.cli import run_experiments_line
from experiments.lab.forbidden import nets_of_forbidden_starts
from experiments.lab.measured import both
from experiments.lab.propagation import PROPAGATION_STARTS, profiles_of
from experiments.lab.registry import EXPERIMENTS

TINY = ["--seeds", "3", "--epochs", "1"]


def make_light(patch):
    """Few, small nets to measure."""
    shallow = {arm: one._replace(depth=12) for arm, one in PROPAGATION_STARTS.items()}
    measured = both(profiles_of(shallow, range(12), range(10, 12)), nets_of_forbidden_starts(range(3), (8,)))
    patch.setitem(EXPERIMENTS, "initialization", replace(EXPERIMENTS["initialization"], measured=measured))


def failing(capsys, *line):
    """Run a wrong command: exit code 2 and one line, returned."""
    assert run_experiments_line(list(line)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err
