"""Probes: what is watched while runs train, each with a table of its own; `study.run(..., probes=(...))` takes them.

The instruments that they read with are pure functions of a net and rows, or of any function of parameters: flow,
curvature, the loss surface, the path, and the gradient check. `jaxmlp.probes.laws` has what theory predicts.
"""

from jaxmlp.probes.base import Epochs, Probe, Steps, probe_tables
from jaxmlp.probes.curvature import (
    adam_preconditioner,
    filter_preconditioner,
    gradient_sharpness,
    hessian_extremes,
    hessian_product,
    hessian_size,
)
from jaxmlp.probes.decision_grid import DecisionGrid
from jaxmlp.probes.filters import filter_normalized, filter_norms
from jaxmlp.probes.flow import backward_flow, forward_flow, norm_gaps, output_flow
from jaxmlp.probes.flow_probe import Flow, OutputFlow
from jaxmlp.probes.gradient_check import DIFFERENCES, numeric_gradient, relative_error
from jaxmlp.probes.gradient_norms import GradientNorms
from jaxmlp.probes.losses import batch_sharpness, net_loss
from jaxmlp.probes.norm_statistics import NormStatistics, norm_state_of_rows
from jaxmlp.probes.path import distance, gradient_lipschitz, loss_along_line, path_lengths, update_ratios
from jaxmlp.probes.perturbation import PerturbedLosses, perturbed_losses, relative_direction
from jaxmlp.probes.sharpness import AdamSharpness, Sharpness
from jaxmlp.probes.spectrum import Estimate, Extremes, extreme_eigenvalues, trace_and_frobenius
from jaxmlp.probes.surface import PathPlane, loss_plane, loss_slice, path_plane, surface_direction
from jaxmlp.probes.weight_path import WeightPath

_OWN = (GradientNorms(), Flow(), OutputFlow(), Sharpness(), AdamSharpness(), NormStatistics(), WeightPath())

PROBES: dict[str, Probe] = {probe.table.name: probe for probe in _OWN}
"""The library's own, by their tables' names, as they are unless told otherwise."""

__all__ = [
    "DIFFERENCES",
    "PROBES",
    "AdamSharpness",
    "DecisionGrid",
    "Epochs",
    "Estimate",
    "Extremes",
    "Flow",
    "GradientNorms",
    "NormStatistics",
    "OutputFlow",
    "PathPlane",
    "PerturbedLosses",
    "Probe",
    "Sharpness",
    "Steps",
    "WeightPath",
    "adam_preconditioner",
    "backward_flow",
    "batch_sharpness",
    "distance",
    "extreme_eigenvalues",
    "filter_normalized",
    "filter_norms",
    "filter_preconditioner",
    "forward_flow",
    "gradient_lipschitz",
    "gradient_sharpness",
    "hessian_extremes",
    "hessian_product",
    "hessian_size",
    "loss_along_line",
    "loss_plane",
    "loss_slice",
    "net_loss",
    "norm_gaps",
    "norm_state_of_rows",
    "numeric_gradient",
    "output_flow",
    "path_lengths",
    "path_plane",
    "perturbed_losses",
    "probe_tables",
    "relative_direction",
    "relative_error",
    "surface_direction",
    "trace_and_frobenius",
    "update_ratios",
]
