"""A study of one's own, made by `train`: it has no claims, and its page is that of `jaxmlp train`."""

from experiments.lab.base import Experiment
from jaxmlp.cli.training import NAME

OWN = Experiment(name=NAME, question="How does this net train?", ledger=(), presets={}, arms=lambda dataset, preset: [])
