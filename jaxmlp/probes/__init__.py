"""Probes: what is watched while runs train, each with a table of its own; `study.run(..., probes=(...))` takes them."""

from jaxmlp.probes.base import Epochs, Probe, Steps, probe_tables
from jaxmlp.probes.gradient_norms import GradientNorms

PROBES: dict[str, Probe] = {probe.table.name: probe for probe in (GradientNorms(),)}
"""The library's own, by their tables' names, as they are unless told otherwise."""

__all__ = [
    "PROBES",
    "Epochs",
    "GradientNorms",
    "Probe",
    "Steps",
    "probe_tables",
]
