"""What the last linear's numbers go through before they leave the net: `MLPSpec.output` (S-117).

D1 keeps sigmoid and tanh out of hidden layers and allows them here, where no layer comes after: σ for numbers in
[0, 1], tanh for numbers in [−1, 1]. The losses of classes take logits, the output `none`; what faulty nets put before
them trains, and shows itself. With g = ∂L/∂y, the rules are

    sigmoid   y = σ(z)             dz = g y (1 − y)
    tanh      y = tanh z           dz = g (1 − y²)
    softmax   y = e^z/Σ e^z        dz_k = y_k (g_k − Σ_j g_j y_j)
    relu      y = max(0, z)        dz = g where z > 0, else 0

The tell-tale of a softmax before the cross-entropy, which is a softmax of a softmax: the outputs lie in [0, 1], the
best are a one-hot row, and so the loss can never fall below `softmaxed_loss_floor`, ln(e + K − 1) − 1: 1.46 for 10
classes, 0.31 for 2. It still trains, slowly: the gradient passes two softmaxes, and is small where y is near a corner.
A sigmoid there has that floor too, and behind a binary cross-entropy, which has one of its own, ln(1 + 1/e) = 0.31 for
the 1s and ln 2 = 0.69 for the 0s.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.nn.activations import relu, sigmoid, tanh


def softmax(x: Array) -> Array:
    """e^x_k / Σ_j e^x_j along each row of [B, K], without overflow; rows sum to 1."""
    return jax.nn.softmax(x, axis=1)


OUTPUTS: dict[str, Callable[[Array], Array] | None] = {
    "none": None,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
    "relu": relu,
}
"""From what the last linear gives, [B, K], to the net's outputs, [B, K]; none leaves the logits."""


def softmaxed_loss_floor(num_classes: int) -> float:
    """ln(e + K − 1) − 1, in nats: no cross-entropy of outputs in [0, 1] is lower (S-117).

    log Σ e^y − y_t falls in y_t and rises in every other y: the best outputs are 1 at the label and 0 elsewhere.

    >>> round(softmaxed_loss_floor(10), 4)
    1.4612
    """
    return math.log(math.e + num_classes - 1) - 1


PROBABLE_OUTPUTS = ("softmax", "sigmoid")
"""Outputs that are probabilities already."""


def class_probabilities(outputs: Array, output: str = "none") -> Array:
    """What a net takes each class for, of outputs that are logits or probabilities already.

    Of logits it is their softmax. A single output is the logit of class 1, or behind a sigmoid or a softmax its
    probability. Behind a sigmoid every class has a probability of its own, and a row need not sum to 1.

    Args:
        outputs: [B, K].
        output: a key of `OUTPUTS`, which the outputs went through.

    Returns:
        [B, K], and [B, 2] of a single output; the largest of a row is that of `predicted_classes`.

    >>> class_probabilities(jnp.array([[0.25]]), "sigmoid"), class_probabilities(jnp.array([[0.0]]))
    (Array([[0.75, 0.25]], dtype=float32), Array([[0.5, 0.5]], dtype=float32))
    """
    single = outputs.shape[1] == 1
    if output in PROBABLE_OUTPUTS:
        return jnp.concatenate([1.0 - outputs, outputs], axis=1) if single else outputs
    return softmax(jnp.concatenate([jnp.zeros_like(outputs), outputs], axis=1) if single else outputs)


def predicted_classes(outputs: Array, output: str = "none") -> Array:
    """The class of the largest output, the first of equals.

    A net with a single output has two classes: class 1 where it is above the middle of its range, ½ behind a sigmoid
    and 0 elsewhere.

    Args:
        outputs: [B, K].
        output: a key of `OUTPUTS`, which the outputs went through.

    Returns:
        [B], integers from 0.

    >>> predicted_classes(jnp.array([[0.2, 0.7], [0.4, 0.1]])), predicted_classes(jnp.array([[-1.0], [3.0]]))
    (Array([1, 0], dtype=int32), Array([0, 1], dtype=int32))
    """
    if outputs.shape[1] > 1:
        return jnp.argmax(outputs, axis=1)
    return (outputs[:, 0] > (0.5 if output == "sigmoid" else 0.0)).astype(jnp.int32)
