"""scikit-learn: a fitted `MLPClassifier` or `MLPRegressor` as a spec with its weights."""

from typing import Any

import numpy as np

from jaxmlp.errors import InputError
from jaxmlp.nn.foreign.parts import ForeignNet, NetPart, assemble_net

_ACTIVATIONS = {"logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_LOGITS = {"MLPClassifier": ("softmax", "logistic"), "MLPRegressor": ("identity",)}
"""What an estimator does to its last layer: a classifier's softmax or sigmoid is part of the loss here."""


def from_sklearn(estimator: Any) -> ForeignNet:
    """A fitted `MLPClassifier` or `MLPRegressor`, as it is now.

    A classifier's outputs are its logits, before its softmax: their largest is the index in `classes_`. One of two
    classes has a single output, the logit of the second: its loss here is `binary_cross_entropy`.

    Args:
        estimator: the object; its arrays are copied.

    Raises:
        InputError: another object, one that is not fitted, or an activation that an `MLPSpec` does not have.

    >>> from sklearn.neural_network import MLPRegressor
    >>> from_sklearn(MLPRegressor())
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: this MLPRegressor is not fitted: call its fit first
    """
    name = type(estimator).__name__
    if type(estimator).__module__.partition(".")[0] != "sklearn" or name not in _LOGITS:
        raise InputError(f"{type(estimator)!r} is no net of scikit-learn's: give one of {', '.join(_LOGITS)}")
    if not hasattr(estimator, "coefs_"):
        raise InputError(f"this {name} is not fitted: call its fit first")
    several = estimator.out_activation_ == "logistic" and estimator.n_outputs_ > 1
    if estimator.out_activation_ not in _LOGITS[name] or several:
        what = "several labels per example" if several else f"output activation {estimator.out_activation_!r}"
        raise InputError(f"this {name} has {what}: only outputs {', '.join(_LOGITS[name])} can be taken as logits")
    parts = []
    for layer, (kernel, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        if layer:
            parts.append(_activation(estimator, layer - 1))
        parts.append(NetPart("linear", f"layer {layer}", arrays={"weight": np.array(kernel.T), "bias": np.array(bias)}))
    return assemble_net(parts)


def _activation(estimator: Any, layer: int) -> NetPart:
    if estimator.activation not in _ACTIVATIONS:
        raise InputError(
            f"activation {estimator.activation!r} behind layer {layer} is none of an MLPSpec's: "
            f"{', '.join(_ACTIVATIONS)} can be taken"
        )
    return NetPart("activation", f"the {estimator.activation} behind layer {layer}", _ACTIVATIONS[estimator.activation])
