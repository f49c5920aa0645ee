"""Random search over the weights of a linear classifier: the best of n draws, the strawman of D4 (S-083, C-409)."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.baselines.linear_classifier import LinearParams, check_problem, linear_objective
from jaxmlp.errors import InputError
from jaxmlp.nn import INITIALIZERS
from jaxmlp.nn.initializers import init_linear


def random_search(
    key: Array,
    x: Array,
    labels: Array,
    *,
    num_classes: int,
    loss: str,
    draws: int,
    scale: Array | float,
    l2: Array | float = 0.0,
    l1: Array | float = 0.0,
) -> tuple[LinearParams, Array]:
    """Draw weights from N(0, scale²) `draws` times and keep the best.

    A draw costs one evaluation of the objective on all examples, a step of `train_linear_classifier` one
    evaluation and its gradient. The bias is 0.

    Args:
        key: typed key; draw i uses `fold_in(key, i)`, so more draws leave the earlier ones as they were.
        x: [N, I], preprocessed.
        labels: int32 [N], 0..K−1.
        num_classes: K; static.
        loss: a key of `LINEAR_LOSSES`; static.
        draws: n ≥ 1; static.
        scale: standard deviation of the weights; 1e-4 is the usual one for raw pixels.
        l2: λ₂ ≥ 0, as in `linear_objective`.
        l1: λ₁ ≥ 0.

    Returns:
        (the best draw's parameters, objective of each draw [draws]); of equally good draws the first is kept, and NaN
        where no objective is finite.
        `lax.cummin` of the objectives is the best so far.

    Raises:
        InputError: unknown loss, shapes that do not belong together, or `draws` below 1.

    >>> x, labels = jnp.array([[1.0], [-1.0]]), jnp.array([0, 1])
    >>> how = {"num_classes": 2, "loss": "softmax", "draws": 20, "scale": 1.0}
    >>> params, objectives = random_search(jax.random.key(0), x, labels, **how)
    >>> objectives.shape, bool(params["weight"][0, 0] > params["weight"][1, 0])
    ((20,), True)
    """
    check_problem((num_classes, *x.shape[1:]), x, labels, loss)
    if draws < 1:
        raise InputError(f"draws is {draws}: give a positive number")

    return _best_of(key, x, labels, (scale, l2, l1), num_classes=num_classes, loss=loss, draws=draws)


@partial(jax.jit, static_argnames=("num_classes", "loss", "draws"))
def _best_of(
    key: Array,
    x: Array,
    labels: Array,
    numbers: tuple[Array | float, ...],
    *,
    num_classes: int,
    loss: str,
    draws: int,
) -> tuple[LinearParams, Array]:
    scale, l2, l1 = (jnp.asarray(number, x.dtype) for number in numbers)
    shape = x.shape[1], num_classes

    def try_one(best: tuple[LinearParams, Array], i: Array) -> tuple[tuple[LinearParams, Array], Array]:
        params = init_linear(jax.random.fold_in(key, i), INITIALIZERS["normal"], 0, *shape, scale, bias=True)
        value = linear_objective(params, x, labels, loss=loss, l2=l2, l1=l1)
        new = params, value
        return jax.tree.map(lambda new, old: jnp.where(value < best[1], new, old), new, best), value

    nothing = {"weight": jnp.full(shape[::-1], jnp.nan), "bias": jnp.full(shape[1:], jnp.nan)}
    (best, _), values = lax.scan(try_one, (nothing, jnp.full((), jnp.inf)), jnp.arange(draws))
    return best, values
