"""The gradient check of a whole net in float64: every parameter array against central differences (S-106).

It is made beside the start, at a random point: units that are alike, values that vanish, and rows that find a layer
dead lie on the kinks of ReLU at the start, where there is no derivative to compare.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from jaxmlp.diagnosis.finding import Finding, Limits, judged
from jaxmlp.training import Hyper, RunSpec, objective

DIFFERENCE_STEPS = (1e-5, 1e-7, 1e-9)
"""Lengths of the differences, of arrays of norm 1. The best of them counts: long ones may cross a kink of a ReLU, above
all where values are small, and short ones see less than their rounding of small slopes, and say nothing then."""
ERROR_LIMITS = Limits(warn=1e-4, fail=1e-2)
"""Of the relative error beyond rounding. In 64 bits a right rule has less than 1e-6 of it, in nets of the tests; one
hundredth is what a wrong rule has: a derivative that is 5 % wrong has .05."""
LOSS_ROUNDING = 20 * float(np.finfo(np.float64).eps)
"""Of a loss of 1, in as many layers as there may be."""


def gradient_of_net(
    params: Any,
    norm_state: Any,
    x: np.ndarray,
    labels: np.ndarray,
    *,
    spec: RunSpec,
    hyper: Hyper,
    key: Array,
    class_weights: np.ndarray | None = None,
) -> Finding:
    """Whether the gradient that trains is that of the loss: along one random direction in every parameter array.

    Args:
        params: of one run, of any floats; the check computes with 64 bits.
        norm_state: of the run.
        x: a few preprocessed rows, [M, I]: a kink of a ReLU is rarely met with few.
        labels: [M] integers, or targets.
        spec: of the run; its precision is not looked at.
        hyper: numbers of the run, concrete.
        key: draws the directions, and dropout's masks.
        class_weights: as in `objective`.
    """
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), (params, norm_state, class_weights))
        wide_params, wide_state, wide_weights = wide
        rows, targets = jnp.asarray(x, jnp.float64), jnp.asarray(labels)
        exact, beside = replace(spec, precision="float32"), _beside(wide_params, key)
        errors = np.asarray(_errors(beside, wide_state, wide_weights, rows, targets, hyper, key, exact))
    worst = int(np.argmax(errors)) if np.isfinite(errors).all() else int(np.flatnonzero(~np.isfinite(errors))[0])
    path, _ = jax.tree_util.tree_leaves_with_path(params)[worst]
    number = float(errors[worst])
    sentence = f"relative error {number:.1e} to central differences beyond rounding, largest of {_name(path)}"
    advice = "the gradient is not that of the loss: look at a registered activation or loss, or --backward autodiff"
    return judged("gradient check", number, sentence, advice, ERROR_LIMITS)


def _beside(params: Any, key: Array) -> Any:
    """Parameters moved at random: weights by about LeCun's start, all others by a tenth."""
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    scales = [leaf.shape[1] ** -0.5 if leaf.ndim == 2 else 0.1 for leaf in leaves]
    moved = [
        leaf + scale * jax.random.normal(one, leaf.shape, leaf.dtype)
        for leaf, scale, one in zip(leaves, scales, keys, strict=True)
    ]
    return jax.tree.unflatten(structure, moved)


def _name(path: tuple[Any, ...]) -> str:
    layer, *rest = (getattr(part, "key", getattr(part, "idx", "")) for part in path)
    return f"{' '.join(map(str, rest))} of layer {layer}"


def _errors(params, norm_state, class_weights, x, labels, hyper, key, spec) -> Array:
    """By parameter array, [A]: what the slope along a direction differs by, beyond rounding, relative to its size."""
    flat, unravel = ravel_pytree(params)
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    owner = jnp.asarray(np.repeat(np.arange(len(sizes)), sizes))

    @jax.jit
    def all_errors(flat: Array) -> Array:
        def loss(flat: Array) -> Array:
            more = {"spec": spec, "hyper": hyper, "key": key, "class_weights": class_weights}
            return objective(unravel(flat), norm_state, x, labels, **more)[0]

        here, gradient = jax.value_and_grad(loss)(flat)

        def error(array: Array) -> Array:
            mine = owner == array
            direction = jnp.where(mine, jax.random.normal(jax.random.fold_in(key, array), flat.shape, flat.dtype), 0.0)
            direction = direction / jnp.linalg.norm(direction)
            size = jnp.maximum(1.0, jnp.linalg.norm(jnp.where(mine, flat, 0.0)))
            slope = gradient @ direction

            def difference(step: Array) -> Array:
                h = step * size
                numeric = (loss(flat + h * direction) - loss(flat - h * direction)) / (2 * h)
                noise = LOSS_ROUNDING * jnp.abs(here) / h
                largest = jnp.maximum(jnp.abs(slope), jnp.abs(numeric))
                beyond = jnp.maximum(jnp.abs(slope - numeric) - noise, 0.0)
                return jnp.where(largest > 10 * noise, beyond / largest, jnp.inf)

            least = jnp.min(lax.map(difference, jnp.asarray(DIFFERENCE_STEPS)))
            return jnp.where(jnp.isinf(least), 0.0, least)

        return lax.map(error, jnp.arange(len(sizes)))

    return all_errors(flat)
