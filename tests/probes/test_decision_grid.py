"""The decision grid says the class and its probability as the net has them, whatever its outputs went through."""

import jax
import numpy as np
import pytest
from scipy.special import expit, softmax

from jaxmlp import data
from jaxmlp.nn import MLPSpec
from jaxmlp.probes import DecisionGrid, output_flow
from jaxmlp.training import DataSpec, Hyper, LossSpec, RunSpec, net_of, start_run

CLOUDS = data.load("toy_gauss")
BINARY = LossSpec("binary_cross_entropy")


def pair(p):
    """Of two classes, from the probability of class 1."""
    return np.hstack([1 - p, p])


CASES = {
    "logits of two classes": (2, "none", lambda y: softmax(y, axis=1)),
    "probabilities of two classes": (2, "softmax", lambda y: y),
    "a probability of each class": (2, "sigmoid", lambda y: y),
    "one logit": (1, "none", lambda y: pair(expit(y))),
    "one probability": (1, "sigmoid", pair),
    "one output that is always 1": (1, "softmax", pair),
    "one bounded logit": (1, "tanh", lambda y: pair(expit(y))),
}


@pytest.mark.parametrize("name", CASES)
def test_the_grid_has_the_class_and_its_probability(name):
    width, output, probabilities = CASES[name]
    spec = RunSpec(MLPSpec((2, width), output=output), DataSpec(preprocessing="none", batch_size=20), BINARY)
    run = start_run(0, CLOUDS, spec=spec, hyper=Hyper())
    _, seen = DecisionGrid(side=9).observe((), run, CLOUDS, spec=spec, hyper=Hyper())
    net = net_of(run, spec=spec, hyper=Hyper())
    points = np.stack([seen["first_input"], seen["second_input"]], axis=-1).reshape(-1, 2)
    shares = probabilities(np.asarray(net.logits(points.astype(np.float32)), np.float64))
    np.testing.assert_array_equal(seen["grid_class"].ravel(), shares.argmax(axis=1))
    np.testing.assert_allclose(seen["grid_confidence"].ravel(), shares.max(axis=1), rtol=1e-5)
    flow = jax.jit(output_flow, static_argnames="norm_stats")(net, points.astype(np.float32), norm_stats="batch")
    assert flow["predicted_classes"] == len(set(shares.argmax(axis=1)))
