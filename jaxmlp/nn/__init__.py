"""Layers and networks as pure functions; every backward rule stands below its forward.

Loaded when they are asked for: `jaxmlp.nn.modules`, the same as flax modules, and `jaxmlp.nn.foreign`, nets from
elsewhere.
"""

import importlib
from types import ModuleType

from jaxmlp.nn.activations import ACTIVATIONS, Activation
from jaxmlp.nn.batch_norm import batch_norm_eval, batch_norm_train
from jaxmlp.nn.dropout_rule import dropout, keep_probability_dropout
from jaxmlp.nn.hyper import NetHyper
from jaxmlp.nn.init import NormState, Params, count_parameters, init_mlp
from jaxmlp.nn.initializers import INITIALIZERS, Initializer
from jaxmlp.nn.layer_norm_rule import layer_norm
from jaxmlp.nn.linear_rule import BACKWARDS, PRECISIONS, linear
from jaxmlp.nn.losses import LOSSES, Loss, cross_entropy, hinge, losses_of
from jaxmlp.nn.mlp import Taps, apply_mlp
from jaxmlp.nn.outputs import OUTPUTS, predicted_classes, softmaxed_loss_floor
from jaxmlp.nn.penalties import PENALTIES
from jaxmlp.nn.spec import MLPSpec

__all__ = [
    "ACTIVATIONS",
    "BACKWARDS",
    "INITIALIZERS",
    "LOSSES",
    "OUTPUTS",
    "PENALTIES",
    "PRECISIONS",
    "Activation",
    "Initializer",
    "Loss",
    "MLPSpec",
    "NetHyper",
    "NormState",
    "Params",
    "Taps",
    "apply_mlp",
    "batch_norm_eval",
    "batch_norm_train",
    "count_parameters",
    "cross_entropy",
    "dropout",
    "hinge",
    "init_mlp",
    "keep_probability_dropout",
    "layer_norm",
    "linear",
    "losses_of",
    "predicted_classes",
    "softmaxed_loss_floor",
]


def __getattr__(name: str) -> ModuleType:
    """`modules` and `foreign`, on their first use: `flax.nnx` takes its time to load."""
    if name in ("modules", "foreign"):
        return importlib.import_module(f"jaxmlp.nn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
