"""Small nets in float64 with their losses, and the twin that JAX alone differentiates."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlp.nn import MLPSpec, NetHyper, apply_mlp, cross_entropy, init_mlp

SPECS = {
    "tanh": MLPSpec((4, 5, 3), activation="tanh"),
    "relu": MLPSpec((4, 6, 5, 3)),
    "batch_norm": MLPSpec((4, 5, 4, 3), activation="sigmoid", norm="batch_norm"),
    "norm_first": MLPSpec((4, 5, 4, 3), norm="batch_norm", norm_position="pre_activation"),
    "layer_norm": MLPSpec((4, 5, 3), activation="gelu_erf", norm="layer_norm"),
    "residual": MLPSpec((4, 5, 5, 5, 3), activation="tanh", residual="block"),
}
HYPER = NetHyper(norm_eps=1e-3)


def rows(count=12, width=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=(count, width))), jnp.asarray(rng.integers(classes, size=count))


def net_and_loss(name, backward="manual", train=True, hyper=HYPER):
    """(params, params -> mean loss) of 12 rows."""
    spec, (x, labels) = SPECS[name], rows()
    params, state = init_mlp(jax.random.key(3), spec, hyper)

    def loss(params):
        logits, _, _ = apply_mlp(params, state, x, spec=spec, hyper=hyper, train=train, backward=backward)
        return jnp.mean(cross_entropy(logits, labels))

    return params, loss


def dense_hessian(loss, params):
    """By forward over reverse, row by row, as a NumPy matrix."""
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    return np.asarray(jax.jit(jax.hessian(lambda x: loss(unravel(x))))(flat))
