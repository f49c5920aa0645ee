"""Forbidden starts after some updates, on a net small enough to say by hand what happens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lab.forbidden import (
    ALIKE,
    WITH_DROPOUT,
    ZEROS,
    largest_difference,
    largest_weight,
    nets_of_forbidden_starts,
)
from experiments.lab.measured import Finished
from jaxmlp import data
from jaxmlp.study import Results


def layers(hidden, output, hidden_bias=0.0):
    return (
        {"weight": jnp.asarray(hidden), "bias": jnp.full(len(hidden), hidden_bias)},
        {"weight": jnp.asarray(output), "bias": jnp.ones(len(output))},
    )


def test_the_last_bias_is_no_weight_and_every_other_parameter_is():
    zeros, some = jnp.zeros((3, 4)), jnp.zeros((2, 3))
    assert float(largest_weight(layers(zeros, some))) == 0.0
    assert float(largest_weight(layers(zeros, some.at[1, 2].set(-0.5)))) == 0.5
    assert float(largest_weight(layers(zeros, some, hidden_bias=-0.25))) == 0.25


def test_units_of_hidden_layers_are_compared_and_classes_are_not():
    alike = jnp.tile(jnp.asarray([1.0, -4.0]), (3, 1))
    classes = jax.random.normal(jax.random.key(0), (2, 3))
    assert float(largest_difference(layers(alike, classes))) == 0.0
    assert float(largest_difference(layers(alike.at[2, 0].set(3.0), classes))) == pytest.approx(0.5)


@pytest.fixture(scope="module")
def rows():
    finished = Finished((), {}, Results({}, {}), data.load("digits"))
    return nets_of_forbidden_starts(range(2), (12, 8)).make(finished)["forbidden"].set_index("case")


def test_zeros_stay_and_alike_stays_alike_until_dropout_parts_it(rows):
    assert (rows.loc[list(ZEROS), "largest_weight"] == 0).all()
    assert (rows.loc[list(ALIKE), "largest_difference"] < 1e-5).all()
    assert (rows.loc[WITH_DROPOUT, "largest_difference"] > 1e-3).all()
    assert np.isfinite(rows.loc[list(ALIKE), "largest_difference"]).all()
