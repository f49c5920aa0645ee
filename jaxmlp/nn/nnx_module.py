"""Taking a network into flax: `to_nnx` makes an `nnx.Module` of it, of flax's own layers, that can be trained on.

The order of a layer's parts is `apply_mlp`'s: linear, norm (`pre_activation`), the sum with a residual module's
input, activation, norm (`post_activation`), dropout. A part that a layer does not have is `_identity`.
Import this module only where it is wanted: `flax.nnx` takes its time to load.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn.activations import ACTIVATIONS, maxout
from jaxmlp.nn.hyper import NetHyper
from jaxmlp.nn.init import NormState, Params
from jaxmlp.nn.linear import PRECISIONS, product
from jaxmlp.nn.spec import MAXOUTS, MLPSpec


def to_nnx(
    params: Params, norm_state: NormState, *, spec: MLPSpec, hyper: NetHyper, precision: str = "float32"
) -> "NnxMLP":
    """The same network as a flax module, in evaluation mode; its arrays are copies.

    `module(x)` takes preprocessed rows [B, I] and gives the logits [B, K] of `apply_mlp`. `module.train()` switches
    batch norm and dropout to training; dropout draws from flax's own stream, seeded with 0 (`nnx.reseed`).

    Args:
        params: of `spec`; kernels are their weights transposed, [I, O].
        norm_state: the running statistics; flax's momentum is 1 − `hyper.norm_momentum`.
        spec: the network.
        hyper: its numbers, concrete; they are constants of the module, but those of a learned activation are
            parameters.
        precision: one of `PRECISIONS`.

    Raises:
        InputError: unknown `precision`.
    """
    check_choice("precision", precision, PRECISIONS)
    module = NnxMLP(params, norm_state, spec, hyper, precision)
    module.eval()
    return module


class NnxMLP(nnx.Module):
    """A network of `MLPSpec`; see `to_nnx`."""

    def __init__(self, params: Params, norm_state: NormState, spec: MLPSpec, hyper: NetHyper, precision: str):
        rngs = nnx.Rngs(0)
        self.layers = nnx.List(
            NnxLayer(layer, parameters, running, spec, hyper, precision, rngs)
            for layer, (parameters, running) in enumerate(zip(params, norm_state, strict=True))
        )

    def __call__(self, x: Array) -> Array:
        """Logits [B, K] of preprocessed rows [B, I]; `InputError` for integers, which are images as stored."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise InputError(
                f"images are {x.dtype}: this module takes floats; preprocess them first, "
                "with PREPROCESSINGS[name].apply of jaxmlp.data"
            )
        module_input = x
        for layer in self.layers:
            module_input = x if layer.begins_module else module_input
            x = layer(x, module_input)
        return x


class NnxLayer(nnx.Module):
    """One linear of the main path and what follows it."""

    def __init__(self, layer: int, parameters, running, spec: MLPSpec, hyper: NetHyper, precision: str, rngs: nnx.Rngs):
        linear = partial(_linear, parameters, precision, rngs)
        pre_activation = spec.norm_position == "pre_activation"
        norm = _norm(parameters, running, spec, hyper, rngs) if spec.is_normalized(layer) else _identity
        active = spec.has_activation(layer)
        self.begins_module = layer in {first for first, _ in spec.modules}
        self.ends_module = layer in {last for _, last in spec.modules}
        self.linear = linear("")
        self.pre_norm = norm if pre_activation else _identity
        self.skip = linear("skip_") if "skip_weight" in parameters else _identity
        self.activation = _activation(parameters, spec, hyper, linear) if active else _identity
        self.post_norm = _identity if pre_activation else norm
        self.dropout = _dropout(spec, hyper, rngs) if active else _identity

    def __call__(self, x: Array, module_input: Array) -> Array:
        """The layer's output; `module_input` [B, I] is what entered the residual module it stands in."""
        x = self.pre_norm(self.linear(x))
        if self.ends_module:
            x = x + self.skip(module_input)
        return self.dropout(self.post_norm(self.activation(x)))


class NnxLearned(nnx.Module):
    """An activation whose number is a parameter of the layer, as PReLU's slope is."""

    def __init__(self, function: Callable[[Array, Array], Array], slope: Array):
        self.function = function
        self.slope = nnx.Param(jnp.array(slope))

    def __call__(self, x: Array) -> Array:
        """The function of x, any shape, and of the parameter."""
        return self.function(x, self.slope[...])


@dataclass(frozen=True)
class _With:
    """A function whose second argument is fixed; equal if both are, so that flax compiles it once."""

    function: Callable[[Array, Any], Array]
    number: float

    def __call__(self, x: Array) -> Array:
        return self.function(x, self.number)


def _identity(x: Array) -> Array:
    return x


def _given(value: Array | None) -> Callable[..., Array]:
    """An initializer that draws nothing: a copy of `value`."""
    return lambda key, shape, dtype: jnp.array(value)


def _dot_general(precision: str, x: Array, kernel: Array, dimensions: Any, /, **flax_own: Any) -> Array:
    (((axis_x,), (axis_kernel,)), _) = dimensions
    return product(x, kernel, axis_x, axis_kernel, precision)


# One function each, so that layers and modules of one precision compare equal and flax compiles them once.
_DOT_GENERALS = {precision: partial(_dot_general, precision) for precision in PRECISIONS}


def _linear(parameters: dict[str, Array], precision: str, rngs: nnx.Rngs, prefix: str) -> nnx.Linear:
    weight, bias = parameters[f"{prefix}weight"], parameters.get(f"{prefix}bias")
    return nnx.Linear(
        weight.shape[1],
        weight.shape[0],
        use_bias=bias is not None,
        kernel_init=_given(weight.T),
        bias_init=_given(bias),
        dot_general=_DOT_GENERALS[precision],
        rngs=rngs,
    )


def _norm(parameters: dict[str, Array], running: dict[str, Array], spec: MLPSpec, hyper: NetHyper, rngs: nnx.Rngs):
    options = {
        "epsilon": float(hyper.norm_eps),
        "scale_init": _given(parameters["scale"]),
        "bias_init": _given(parameters["shift"]),
        "use_fast_variance": False,  # E[x²] − μ² cancels where |μ| ≫ σ
        "rngs": rngs,
    }
    features = parameters["scale"].shape[0]
    if spec.norm == "layer_norm":
        return nnx.LayerNorm(features, **options)
    norm = nnx.BatchNorm(features, momentum=1.0 - float(hyper.norm_momentum), **options)
    norm.mean, norm.var = (nnx.BatchStat(jnp.array(running[name])) for name in ("mean", "var"))
    return norm


def _activation(parameters: dict[str, Array], spec: MLPSpec, hyper: NetHyper, linear: Callable[[str], nnx.Linear]):
    if spec.activation in MAXOUTS:
        largest = _With(maxout, spec.maxout_pieces)
        return nnx.Sequential(linear("maxout_"), largest) if "maxout_weight" in parameters else largest
    activation = ACTIVATIONS[spec.activation]
    if activation.learned:
        return NnxLearned(activation.function, parameters["slope"])
    if activation.number is None:
        return activation.function
    return _With(activation.function, float(hyper.number(activation.number)))


def _dropout(spec: MLPSpec, hyper: NetHyper, rngs: nnx.Rngs):
    if spec.dropout == "none":
        return _identity
    rate = float(hyper.dropout_rate)
    inverted = nnx.Dropout(rate, rngs=rngs)
    # D1's form is the inverted one times the keep probability, in training and in prediction.
    return inverted if spec.dropout == "inverted" else nnx.Sequential(inverted, _With(operator.mul, 1.0 - rate))
