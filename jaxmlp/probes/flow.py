"""Flow: how values run forward and gradients run back through a net, layer by layer, on named rows (S-093).

All take the rows at once, so that batch statistics are those of all of them: 2,000 rows are enough for the figures and
small enough for memory. Dropout is off. `norm_stats` says whose statistics normalize: the batch's show the net as it
trains, the running ones as it predicts. At the start the running ones are 0 and 1, and normalize nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxmlp.nn import apply_mlp, losses_of
from jaxmlp.nn.mlp import Taps
from jaxmlp.probes.layer_statistics import (
    count_predicted_classes,
    dead_row_share,
    dead_unit_share,
    distance_from_normal,
    distinct_rows,
    effective_rank,
    excess_kurtosis,
    input_correlation,
    largest_scaled,
    saturated_share,
    standard_deviation,
    unit_correlation,
    zero_share,
)
from jaxmlp.probes.norm_statistics import norm_state_of_rows
from jaxmlp.training.net import Net

SIGNAL = {
    "mean": jnp.mean,
    "standard_deviation": standard_deviation,
    "excess_kurtosis": excess_kurtosis,
    "distance_from_normal": distance_from_normal,
    "unit_correlation": unit_correlation,
    "input_correlation": input_correlation,
    "effective_rank": effective_rank,
}
"""Of every linear's output and of every activation; see `jaxmlp.probes.layer_statistics`."""

GATES = {"zero_share": zero_share, "dead_unit_share": dead_unit_share, "dead_row_share": dead_row_share}
"""Of every activation."""


def forward_flow(net: Net, images: Array, *, norm_stats: str) -> dict[str, Array]:
    """Summarize the values in every layer: size, spread, and shares of zeros and saturated units.

    Args:
        net: of one run.
        images: [M, I], as stored.
        norm_stats: `"batch"` or `"running"`.

    Returns:
        By name, [L] each: `linear_` and `activation_` with every name of `SIGNAL`, the names of `GATES`, and
        `saturated_share`. NaN where a layer has no activation, or one that does not saturate.

    Raises:
        InputError: an unknown `norm_stats`.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> found = forward_flow(net, jnp.ones((5, 4), jnp.uint8), norm_stats="running")
    >>> found["linear_standard_deviation"].tolist(), found["zero_share"].tolist()
    ([0.0, 0.0], [1.0, nan])
    """
    taps, _ = _taps_and_logits(net, images, norm_stats)
    activation = net.spec.mlp.activation

    def gates(y: Array) -> dict[str, Array]:
        saturates = activation in ("sigmoid", "tanh")
        saturated = saturated_share(y, activation) if saturates else jnp.asarray(jnp.nan, y.dtype)
        return {name: of(y) for name, of in GATES.items()} | {"saturated_share": saturated}

    def of_activation(y: Array) -> dict[str, Array]:
        return _signal("activation", y) | gates(y)

    logits = taps.linear[-1]
    return _each(lambda y: _signal("linear", y), taps.linear, logits) | _each(of_activation, taps.activation, logits)


def backward_flow(net: Net, images: Array, labels: Array, *, norm_stats: str) -> dict[str, Array]:
    """Norms of the gradient of the mean loss at every layer, penalty and class weights left out (S-093).

    D0's hook prints the gradient for the output of the first linear, the one nearest the input: `output_gradient_norm`
    at layer 0.

    Args:
        net: of one run.
        images: [M, I], as stored.
        labels: [M] integers.
        norm_stats: `"batch"` or `"running"`.

    Returns:
        `weight_gradient_norm` and `output_gradient_norm`, [L] each: Frobenius norms of ∂L/∂W and of ∂L/∂y [M, O]. The
        latter falls as 1/√M with the number of rows, since L is their mean.

    Raises:
        InputError: an unknown `norm_stats`.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> found = backward_flow(net, jnp.ones((5, 4), jnp.uint8), jnp.zeros(5, int), norm_stats="running")
    >>> found["output_gradient_norm"].round(3).tolist()[0], bool(found["output_gradient_norm"][1] > 0)
    (0.0, True)
    """
    x, spec = net.preprocessed(images), net.spec

    def loss(weights: tuple[Array, ...], offsets: tuple[Array, ...]) -> Array:
        params = tuple(layer | {"weight": weight} for layer, weight in zip(net.params, weights, strict=True))
        how: dict[str, Any] = _how(net, norm_stats) | {"offsets": offsets, "backward": spec.backward}
        logits, _, _ = apply_mlp(params, net.norm_state, x, **how)
        return jnp.mean(losses_of(spec.loss.name, logits, labels, net.hyper))

    weights = tuple(layer["weight"] for layer in net.params)
    offsets = tuple(jnp.zeros((len(x), weight.shape[0]), weight.dtype) for weight in weights)
    of_weights, of_outputs = jax.grad(loss, argnums=(0, 1))(weights, offsets)
    return {
        "weight_gradient_norm": jnp.stack([_norm(gradient) for gradient in of_weights]),
        "output_gradient_norm": jnp.stack([_norm(gradient) for gradient in of_outputs]),
    }


def output_flow(net: Net, images: Array, *, norm_stats: str, resolution: float = 1e-6) -> dict[str, Array]:
    """Count the distinct outputs of a net and the classes it predicts.

    Args:
        net: of one run.
        images: [M, I], as stored.
        norm_stats: `"batch"` or `"running"`.
        resolution: logits that are equal when rounded to this share of the largest one count as one.

    Returns:
        `distinct_outputs`, at most M, and `predicted_classes`, at most K; scalars. The latter is of nets for classes.

    Raises:
        InputError: an unknown `norm_stats`.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> found = output_flow(net, jnp.arange(20, dtype=jnp.uint8).reshape(5, 4), norm_stats="running")
    >>> {name: int(value) for name, value in found.items()}
    {'distinct_outputs': 1, 'predicted_classes': 1}
    """
    _, logits = _taps_and_logits(net, images, norm_stats)
    return {
        "distinct_outputs": distinct_rows(largest_scaled(logits)[0], resolution),
        "predicted_classes": count_predicted_classes(logits, net.spec.mlp.output),
    }


def norm_gaps(net: Net, images: Array) -> dict[str, Array]:
    """How far the running statistics of batch norm are from those of the rows, in the net as it trains (S-031).

    Args:
        net: of one run.
        images: [M, I], as stored.

    Returns:
        [L] each, NaN where a layer has no batch norm. `running_mean_gap`: root mean square over features of
        (running mean − mean)/√(variance + ε), in standard deviations. `running_var_gap`: mean over features of
        |ln((running variance + ε)/(variance + ε))|; ln 2 where they differ by a factor of two.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), norm="batch_norm", initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> norm_gaps(net, jnp.ones((5, 4), jnp.uint8))["running_mean_gap"].tolist()  # the output layer has no norm
    [0.0, nan]
    """
    of_rows = norm_state_of_rows(net, images)
    gaps = [_gap(running, seen, net.hyper.norm_eps) for running, seen in zip(net.norm_state, of_rows, strict=True)]
    means, variances = zip(*gaps, strict=True)
    return {"running_mean_gap": jnp.stack(means), "running_var_gap": jnp.stack(variances)}


def _gap(running: dict[str, Array], seen: dict[str, Array], eps: Array | float) -> tuple[Array, Array]:
    if not running:
        return jnp.asarray(jnp.nan), jnp.asarray(jnp.nan)
    eps = jnp.asarray(eps, seen["mean"].dtype)
    var = seen["var"] + eps
    moved = jnp.sqrt(jnp.mean(jnp.square(running["mean"] - seen["mean"]) / var))
    return moved, jnp.mean(jnp.abs(jnp.log((running["var"] + eps) / var)))


def _how(net: Net, norm_stats: str) -> dict[str, Any]:
    modes = {"train": False, "norm_stats": norm_stats, "update_norm": False}
    return {"spec": net.spec.mlp, "hyper": net.hyper, "precision": net.spec.precision, **modes}


def _taps_and_logits(net: Net, images: Array, norm_stats: str) -> tuple[Taps, Array]:
    logits, _, taps = apply_mlp(net.params, net.norm_state, net.preprocessed(images), **_how(net, norm_stats))
    return taps, logits


def _signal(part: str, y: Array) -> dict[str, Array]:
    return {f"{part}_{name}": of(y) for name, of in SIGNAL.items()}


def _each(of: Callable[[Array], dict[str, Array]], values: Sequence[Array | None], like: Array) -> dict[str, Array]:
    """Numbers of every layer's values by name, [L] each, NaN where there are none; `like` is any layer's.

    Layers of one shape share a loop: a program with the numbers of 41 layers one by one takes minutes to compile.
    """
    groups: dict[tuple[int, ...], dict[int, Array]] = {}
    for layer, y in enumerate(values):
        if y is not None:
            groups.setdefault(y.shape, {})[layer] = y
    found = {name: jnp.full(len(values), jnp.nan, y.dtype) for name, y in jax.eval_shape(of, like).items()}
    for layers in groups.values():
        part = lax.map(of, jnp.stack(list(layers.values())))
        found = {name: numbers.at[np.array(list(layers))].set(part[name]) for name, numbers in found.items()}
    return found


def _norm(gradient: Array) -> Array:
    """Of a gradient that may be so large that its square leaves the floats."""
    scaled, largest = largest_scaled(gradient)
    return largest * jnp.sqrt(jnp.sum(jnp.square(scaled)))
