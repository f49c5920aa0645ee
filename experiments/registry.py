"""Every experiment by name: adding one is adding its file and its line here."""

from experiments.base import Experiment
from experiments.initialization import INITIALIZATION
from experiments.reference_net import REFERENCE_NET

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (INITIALIZATION, REFERENCE_NET)}

TOUR = ("initialization",)
"""What `python -m experiments` runs, on the digits."""
