"""Applying a network: `apply_mlp`, a pure function of parameters, state and input.

A hidden layer is Linear -> activation -> norm (D0: S-028, `norm_position="post_activation"`) or
Linear -> norm -> activation (D4: S-029, `"pre_activation"`), then dropout where the spec asks for it.
The output layer is a bare Linear: logits, which `MLPSpec.output` may change (S-117).
In a residual net the input of a module is added to the output of its last linear, before that layer's activation if it
has one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn.activations import ACTIVATIONS, activate, maxout
from jaxmlp.nn.batch_norm import batch_norm_eval, batch_norm_train
from jaxmlp.nn.dropout_rule import dropout, keep_probability_dropout
from jaxmlp.nn.hyper import NetHyper
from jaxmlp.nn.init import NormState, Params
from jaxmlp.nn.layer_norm_rule import layer_norm
from jaxmlp.nn.linear_rule import linear
from jaxmlp.nn.outputs import OUTPUTS
from jaxmlp.nn.spec import NORM_STATS, MLPSpec


class Taps(NamedTuple):
    """What can be read inside a network, by layer; None where a layer has no such part. What nobody reads costs a
    compiled program nothing.

    >>> import jax.numpy as jnp
    >>> from jaxmlp import nn
    >>> spec, hyper = nn.MLPSpec((4, 3, 2)), nn.NetHyper()
    >>> params, norm_state = nn.init_mlp(jax.random.key(0), spec, hyper)
    >>> taps = nn.apply_mlp(params, norm_state, jnp.ones((5, 4)), spec=spec, hyper=hyper, train=False)[2]
    >>> [output.shape for output in taps.linear], taps.activation[1]  # the last layer has no activation
    ([(5, 3), (5, 2)], None)
    """

    linear: tuple[Array, ...]
    """Every linear's output, offsets included, before a norm or the sum with a module's input, [B, O] each."""
    activation: tuple[Array | None, ...]
    """What the activation gives, [B, C]; the output layer has none."""
    norm_input: tuple[Array | None, ...]
    """What the norm sees, [B, C]: the linear's output for a norm before the activation, else the activation's."""


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
) -> tuple[Array, NormState, Taps]:
    """Run the network.

    The mode is explicit (S-027, S-112): `train` switches dropout and sets the defaults of the other two.

    Args:
        params: from `init_mlp`; of its first few layers alone, these are run.
        norm_state: from `init_mlp`, or the one a training step returned.
        x: [B, I].
        spec: the network.
        hyper: reads the numbers of the activation, the norm and dropout.
        train: training mode.
        norm_stats: whose statistics normalize, `"batch"` or `"running"`; default: the batch's in training.
        update_norm: move the running statistics towards the batch's; default: in training.
        key: for dropout; layer i draws from `fold_in(key, i)`. Needed in training with dropout.
        offsets: one array [B, O] per linear, added to its output: the gradient with respect to it is the
            gradient with respect to that output, the documents' backward hook (S-093).
        precision: see `jaxmlp.nn.linear`.
        backward: see `jaxmlp.nn.linear`.

    Returns:
        (outputs [B, K], logits where the spec has no other output, or what the last of the given layers gives; the new
        norm_state; what `Taps` names).

    Raises:
        InputError: an input of the wrong width, a missing key, or `update_norm` with running statistics.

    >>> import jax.numpy as jnp
    >>> from jaxmlp import nn
    >>> spec, hyper = nn.MLPSpec((4, 3, 2)), nn.NetHyper()
    >>> params, norm_state = nn.init_mlp(jax.random.key(0), spec, hyper)
    >>> outputs, _, _ = nn.apply_mlp(params, norm_state, jnp.ones((5, 4)), spec=spec, hyper=hyper, train=False)
    >>> outputs.shape
    (5, 2)
    """
    norm_stats = norm_stats or ("batch" if train else "running")
    update_norm = train if update_norm is None else update_norm
    _check_call(spec, x, train, norm_stats, update_norm, key)
    how = {"precision": precision, "backward": backward}
    modes = {"train": train, "norm_stats": norm_stats, "update_norm": update_norm}
    x, new_state, taps = _forward(params, norm_state, x, spec, hyper, how, key=key, offsets=offsets, **modes)
    output = OUTPUTS[spec.output] if len(params) == spec.num_layers else None
    return x if output is None else output(x), new_state, taps


def _forward(params, norm_state, x, spec, hyper, how, *, train, norm_stats, update_norm, key, offsets):
    firsts, lasts = ({module[i]: module for module in spec.modules} for i in (0, 1))
    module_input, new_state, backward = x, [], how["backward"]
    linears: list[Array] = []
    activations: list[Array | None] = []
    norm_inputs: list[Array | None] = []
    for layer, parameters in enumerate(params):
        module_input = x if layer in firsts else module_input
        x = linear(parameters["weight"], parameters.get("bias"), x, **how)
        x = x if offsets is None else x + offsets[layer]
        linears.append(x)
        state, seen = norm_state[layer], None
        normalize = spec.is_normalized(layer)
        if normalize and spec.norm_position == "pre_activation":
            seen = x
            x, state = _normalize(parameters, state, x, spec, hyper, norm_stats, backward)
        if layer in lasts:
            x = x + _skip(parameters, module_input, how)
        if spec.has_activation(layer):
            x = _activate(parameters, x, spec, hyper, how)
        activations.append(x if spec.has_activation(layer) else None)
        if normalize and spec.norm_position == "post_activation":
            seen = x
            x, state = _normalize(parameters, state, x, spec, hyper, norm_stats, backward)
        norm_inputs.append(seen)
        new_state.append(state if update_norm else norm_state[layer])
        if spec.dropout != "none" and spec.has_activation(layer):
            x = _drop(key, layer, x, spec, hyper, train)
    return x, tuple(new_state), Taps(tuple(linears), tuple(activations), tuple(norm_inputs))


def _activate(parameters: dict[str, Array], x: Array, spec: MLPSpec, hyper: NetHyper, how: dict[str, str]) -> Array:
    if spec.activation == "maxout":
        return maxout(x, spec.maxout_pieces)
    if spec.activation == "maxout_layer":
        maps = linear(parameters["maxout_weight"], parameters.get("maxout_bias"), x, **how)
        return maxout(maps, spec.maxout_pieces)
    learned = ACTIVATIONS[spec.activation].learned
    return activate(spec.activation, x, lambda number: parameters["slope"] if learned else hyper.number(number))


def _skip(parameters: dict[str, Array], module_input: Array, how: dict[str, str]) -> Array:
    """A module's input on its way around: through the skip's linear where there is one (S-034, S-035)."""
    if "skip_weight" not in parameters:
        return module_input
    return linear(parameters["skip_weight"], parameters.get("skip_bias"), module_input, **how)


def _normalize(parameters, running, x, spec: MLPSpec, hyper: NetHyper, norm_stats: str, backward: str):
    """The normalized layer; also its running statistics moved one step towards the batch's (S-025)."""
    scale, shift, eps = parameters["scale"], parameters["shift"], hyper.norm_eps
    if spec.norm == "layer_norm":
        return layer_norm(scale, shift, x, eps), running
    if norm_stats == "running":
        return batch_norm_eval(scale, shift, running["mean"], running["var"], x, eps), running
    y, mean, var = batch_norm_train(scale, shift, x, eps, backward=backward)
    m = jnp.asarray(hyper.norm_momentum, x.dtype)
    moved = {"mean": (1.0 - m) * running["mean"] + m * mean, "var": (1.0 - m) * running["var"] + m * var}
    return y, jax.lax.stop_gradient(moved)


def _drop(key: Array | None, layer: int, x: Array, spec: MLPSpec, hyper: NetHyper, train: bool) -> Array:
    layer_key = jax.random.fold_in(key, layer) if train and key is not None else None
    rule = dropout if spec.dropout == "inverted" else keep_probability_dropout
    return rule(layer_key, x, hyper.dropout_rate)


def _check_call(spec, x, train, norm_stats, update_norm, key) -> None:
    check_choice("norm_stats", norm_stats, NORM_STATS)
    if x.ndim != 2 or x.shape[1] != spec.widths[0]:
        raise InputError(f"x has shape {x.shape}; this network takes [batch, {spec.widths[0]}]")
    if spec.norm == "batch_norm" and update_norm and norm_stats == "running":
        raise InputError("update_norm needs norm_stats='batch': running statistics cannot update themselves")
    if spec.dropout != "none" and train and key is None:
        raise InputError("this network has dropout: training needs key=...")
