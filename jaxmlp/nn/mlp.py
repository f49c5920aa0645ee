"""Multilayer perceptrons of any widths, as two pure functions: `init_mlp` and `apply_mlp`.

A hidden layer is Linear -> activation -> norm (D0: S-028, `norm_position="post_activation"`) or
Linear -> norm -> activation (D4: S-029, `"pre_activation"`), then dropout where the spec asks for it.
The output layer is a bare Linear: logits.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn.activations import ACTIVATIONS
from jaxmlp.nn.batch_norm import batch_norm_eval, batch_norm_train
from jaxmlp.nn.dropout import dropout
from jaxmlp.nn.initializers import INITIALIZERS, init_linear
from jaxmlp.nn.linear import linear
from jaxmlp.nn.spec import NORM_STATS, MLPSpec

Params = tuple[dict[str, Array], ...]
"""One dict per layer: weight [O, I]; where it has them, bias [O] and the norm's scale and shift [O]."""

NormState = tuple[dict[str, Array], ...]
"""One dict per normalized layer: running mean [O] and var [O] (biased, as in flax and the documents)."""


class NetHyper(struct.PyTreeNode):
    """The numbers a network reads; any of them may be a traced array, so new values never recompile.

    Each field's default is the documents' common value; `init_gain` 1 and `dropout_rate` 0 are neutral.
    """

    init_gain: Any = 1.0
    """Multiplies every weight's initial scale."""
    norm_eps: Any = 1e-5
    """ε of batch norm (S-025; D4 uses 1e-3: S-029)."""
    norm_momentum: Any = 0.1
    """m in running ← (1 − m) running + m batch (S-025)."""
    running_var_start: Any = 1.0
    """Running variance before the first update: 1 as in PyTorch, 0 as in D0 (S-025, A-12)."""
    dropout_rate: Any = 0.0
    """Drop probability; read only where `MLPSpec.dropout` is on."""


def init_mlp(key: Array, spec: MLPSpec, hyper: NetHyper) -> tuple[Params, NormState]:
    """Draw a network: layer i from `fold_in(key, i)`, so networks that share a layer's shape share its draw.

    Args:
        key: a typed key.
        spec: the network.
        hyper: reads `init_gain` and `running_var_start`.

    Returns:
        (params, norm_state), in JAX's default float dtype; norm scale 1, shift 0, running mean 0.
    """
    initializer = INITIALIZERS[spec.initializer]
    params, norm_state = [], []
    for layer, (fan_in, fan_out) in enumerate(spec.shapes):
        layer_key = jax.random.fold_in(key, layer)
        bias = spec.has_bias(layer)
        parameters = init_linear(layer_key, initializer, fan_in, fan_out, hyper.init_gain, bias=bias)
        if spec.is_normalized(layer):
            dtype = parameters["weight"].dtype
            parameters |= {"scale": jnp.ones((fan_out,), dtype), "shift": jnp.zeros((fan_out,), dtype)}
            var = jnp.full((fan_out,), jnp.asarray(hyper.running_var_start, dtype))
            norm_state.append({"mean": jnp.zeros((fan_out,), dtype), "var": var})
        params.append(parameters)
    return tuple(params), tuple(norm_state)


def apply_mlp(
    params: Params,
    norm_state: NormState,
    x: Array,
    *,
    spec: MLPSpec,
    hyper: NetHyper,
    train: bool,
    norm_stats: str | None = None,
    update_norm: bool | None = None,
    key: Array | None = None,
    offsets: tuple[Array, ...] | None = None,
    precision: str = "float32",
    backward: str = "manual",
) -> tuple[Array, NormState, tuple[Array, ...]]:
    """Run the network.

    The mode is explicit (S-027, S-112): `train` switches dropout and sets the defaults of the other two.

    Args:
        params: from `init_mlp`.
        norm_state: from `init_mlp`, or the one a training step returned.
        x: [B, I].
        spec: the network.
        hyper: reads `norm_eps`, `norm_momentum` and `dropout_rate`.
        train: training mode.
        norm_stats: whose statistics normalize, `"batch"` or `"running"`; default: the batch's in training.
        update_norm: move the running statistics towards the batch's; default: in training.
        key: for dropout; layer i draws from `fold_in(key, i)`. Needed in training when `spec.dropout`.
        offsets: one array [B, O] per linear, added to its output: the gradient with respect to it is the
            gradient with respect to that output, the documents' backward hook (S-093).
        precision: see `jaxmlp.nn.linear`.
        backward: see `jaxmlp.nn.linear`.

    Returns:
        (logits [B, K], the new norm_state, taps: every linear's output, offsets included, [B, O] each).

    Raises:
        InputError: an input of the wrong width, a missing key, or `update_norm` with running statistics.
    """
    norm_stats = norm_stats or ("batch" if train else "running")
    update_norm = train if update_norm is None else update_norm
    _check_call(spec, x, train, norm_stats, update_norm, key)
    new_state, taps = [], []
    for layer, parameters in enumerate(params):
        x = linear(parameters["weight"], parameters.get("bias"), x, precision=precision, backward=backward)
        x = x if offsets is None else x + offsets[layer]
        taps.append(x)
        if layer == spec.num_layers - 1:
            break
        if spec.norm_position == "post_activation":
            x = ACTIVATIONS[spec.activation](x)
        if spec.is_normalized(layer):
            x, state = _batch_norm(parameters, norm_state[layer], x, hyper, norm_stats, backward)
            new_state.append(state if update_norm else norm_state[layer])
        if spec.norm_position == "pre_activation":
            x = ACTIVATIONS[spec.activation](x)
        if spec.dropout and train and key is not None:
            x = dropout(jax.random.fold_in(key, layer), x, hyper.dropout_rate)
    return x, tuple(new_state), tuple(taps)


def _batch_norm(parameters, running, x, hyper, norm_stats, backward):
    """Normalize one layer; also its running statistics moved one step towards the batch's (S-025)."""
    scale, shift, eps = parameters["scale"], parameters["shift"], hyper.norm_eps
    if norm_stats == "running":
        return batch_norm_eval(scale, shift, running["mean"], running["var"], x, eps), running
    y, mean, var = batch_norm_train(scale, shift, x, eps, backward=backward)
    m = jnp.asarray(hyper.norm_momentum, x.dtype)
    moved = {"mean": (1.0 - m) * running["mean"] + m * mean, "var": (1.0 - m) * running["var"] + m * var}
    return y, jax.lax.stop_gradient(moved)


def _check_call(spec, x, train, norm_stats, update_norm, key) -> None:
    check_choice("norm_stats", norm_stats, NORM_STATS)
    if x.ndim != 2 or x.shape[1] != spec.widths[0]:
        raise InputError(f"x has shape {x.shape}; this network takes [batch, {spec.widths[0]}]")
    if spec.norm != "none" and update_norm and norm_stats == "running":
        raise InputError("update_norm needs norm_stats='batch': running statistics are no news to themselves")
    if spec.dropout and train and key is None:
        raise InputError("this network has dropout: training needs key=...")


def count_parameters(spec: MLPSpec) -> int:
    """The number of trainable parameters (P-01 to P-14); running statistics are not among them."""
    params, _ = jax.eval_shape(lambda: init_mlp(jax.random.key(0), spec, NetHyper()))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
