"""S-113: norms of filters against NumPy, and what is no weight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.nn import MLPSpec, NetHyper, init_mlp
from jaxmlp.probes.filters import filter_normalized, filter_norms

SPEC = MLPSpec((4, 5, 5, 6, 3), activation="prelu", norm="batch_norm", residual="block")


def two_nets():
    return tuple(init_mlp(jax.random.key(seed), SPEC, NetHyper())[0] for seed in (0, 1))


def test_norms_are_those_of_the_rows(x64):
    params, _ = two_nets()
    for layer, norms in zip(params, filter_norms(params), strict=True):
        for name, leaf in layer.items():
            row = np.linalg.norm(leaf, axis=1)[:, None] if "weight" in name else 0
            np.testing.assert_allclose(norms[name], np.broadcast_to(row, leaf.shape), rtol=1e-12)
    assert {"skip_weight", "slope", "scale"} <= {name for layer in params for name in layer}


def test_a_normalized_direction_has_the_net_s_filters_and_its_own_angles(x64):
    params, other = two_nets()
    for layer, direction, found in zip(params, other, filter_normalized(other, params), strict=True):
        for name, leaf in layer.items():
            if "weight" not in name:
                np.testing.assert_array_equal(found[name], 0)
                continue
            np.testing.assert_allclose(*(np.linalg.norm(a, axis=1) for a in (found[name], leaf)), rtol=1e-12)
            factor = np.asarray(found[name] / direction[name])
            np.testing.assert_allclose(factor, np.abs(factor[:, :1]) + 0 * factor, rtol=1e-9)


@pytest.mark.parametrize("which", ["direction", "params"])
def test_a_filter_of_zeros_gives_zeros(which):
    nets = [({"weight": jnp.ones((2, 3))},), ({"weight": jnp.ones((2, 3)).at[0].set(0)},)]
    found = filter_normalized(*(nets[::-1] if which == "direction" else nets))
    np.testing.assert_allclose(found[0]["weight"], [[0] * 3, [1] * 3], rtol=1e-6)
