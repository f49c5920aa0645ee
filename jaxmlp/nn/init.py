"""Drawing a network: `init_mlp`, and the count of what it draws."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.nn.activations import ACTIVATIONS
from jaxmlp.nn.hyper import NetHyper
from jaxmlp.nn.initializers import INITIALIZERS, init_linear
from jaxmlp.nn.spec import MLPSpec

Params = tuple[dict[str, Array], ...]
"""One dict per linear of the main path: weight [O, I]; where it has them, bias [O], the norm's scale and shift [C],
the parameter [] of a learned activation (slope, as PReLU's is), and weight and bias of D3's maxout layer (maxout_) and
of a module's skip (skip_), linears as well."""

NormState = tuple[dict[str, Array], ...]
"""One dict per linear: the running mean [C] and var [C] of its batch norm (the biased variance, as in flax and the
documents), or nothing."""


# Further linears of a layer draw from keys of their own, beyond every layer's number.
_MAXOUT_STREAM, _SKIP_STREAM = 1_000_001, 1_000_002


def init_mlp(key: Array, spec: MLPSpec, hyper: NetHyper) -> tuple[Params, NormState]:
    """Draw a network: layer i from `fold_in(key, i)`, so networks that share a layer's shape share its draw.

    Args:
        key: a typed key.
        spec: the network.
        hyper: reads `init_gain`, `running_var_start`, and where a learned activation starts, such as `prelu_slope`.

    Returns:
        (params, norm_state), in JAX's default float dtype; norm scale 1, shift 0, running mean 0.

    >>> params, norm_state = init_mlp(jax.random.key(0), MLPSpec((4, 3, 2), norm="batch_norm"), NetHyper())
    >>> [layer["weight"].shape for layer in params], norm_state[0]["mean"].tolist()
    ([(3, 4), (2, 3)], [0.0, 0.0, 0.0])
    """
    params = [_init_layer(key, layer, spec, hyper) for layer in range(spec.num_layers)]
    for first, last in spec.modules:
        if spec.has_linear_skip(first, last):
            skip = _draw(
                jax.random.fold_in(key, _SKIP_STREAM),
                last,
                spec.widths[first],
                spec.widths[last + 1],
                spec,
                hyper,
                bias=spec.bias,
            )
            params[last] |= {f"skip_{name}": value for name, value in skip.items()}
    return tuple(params), tuple(_init_norm_state(layer, spec, hyper) for layer in range(spec.num_layers))


def _init_layer(key: Array, layer: int, spec: MLPSpec, hyper: NetHyper) -> dict[str, Array]:
    width, fan_out = spec.widths[layer + 1], spec.fan_out(layer)
    parameters = _draw(key, layer, spec.widths[layer], fan_out, spec, hyper, bias=spec.has_bias(layer))
    dtype = parameters["weight"].dtype
    if spec.is_normalized(layer):
        size = (spec.norm_width(layer),)
        parameters |= {"scale": jnp.ones(size, dtype), "shift": jnp.zeros(size, dtype)}
    if not spec.has_activation(layer):
        return parameters
    if spec.activation == "maxout_layer":
        fan_out = spec.maxout_pieces * width
        maps = _draw(jax.random.fold_in(key, _MAXOUT_STREAM), layer, width, fan_out, spec, hyper, bias=spec.bias)
        parameters |= {f"maxout_{name}": value for name, value in maps.items()}
    elif spec.activation in ACTIVATIONS and ACTIVATIONS[spec.activation].learned:
        parameters |= {"slope": jnp.asarray(hyper.number(str(ACTIVATIONS[spec.activation].number)), dtype)}
    return parameters


def _draw(
    key: Array, layer: int, fan_in: int, fan_out: int, spec: MLPSpec, hyper: NetHyper, *, bias: bool
) -> dict[str, Array]:
    initializer = INITIALIZERS[spec.initializer]
    return init_linear(key, initializer, layer, fan_in, fan_out, hyper.init_gain, bias=bias)


def _init_norm_state(layer: int, spec: MLPSpec, hyper: NetHyper) -> dict[str, Array]:
    if spec.norm != "batch_norm" or not spec.is_normalized(layer):
        return {}
    size = (spec.norm_width(layer),)
    return {"mean": jnp.zeros(size), "var": jnp.full(size, jnp.asarray(hyper.running_var_start, jnp.zeros(()).dtype))}


def count_parameters(spec: MLPSpec) -> int:
    """The number of trainable parameters (S-094, P-01 to P-14); running statistics are not among them.

    >>> count_parameters(MLPSpec((784, 128, 64, 32, 16, 10)))  # P-01
    111514
    """
    hyper = NetHyper(user=dict.fromkeys(spec.user_numbers, 0.0))
    params, _ = jax.eval_shape(lambda: init_mlp(jax.random.key(0), spec, hyper))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
