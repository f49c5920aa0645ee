"""`MLP`: the network of an `MLPSpec` as one flax module.

The order of a layer's parts is `apply_mlp`'s: linear, norm (`pre_activation`), the sum with a residual module's input,
activation, norm (`post_activation`), dropout. A part that a layer does not have is the identity.
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
from jaxmlp.nn.init import NormState, Params, init_mlp
from jaxmlp.nn.linear_rule import PRECISIONS
from jaxmlp.nn.modules.rules import BatchNorm, LayerNorm, Linear
from jaxmlp.nn.outputs import OUTPUTS
from jaxmlp.nn.spec import MAXOUTS, MLPSpec


class MLP(nnx.Module):
    """A network of an `MLPSpec`, in training mode until `eval()`.

    >>> from flax import nnx
    >>> from jaxmlp import nn
    >>> module = nn.modules.MLP(nn.MLPSpec((4, 8, 3), norm="batch_norm"), rngs=nnx.Rngs(0))
    >>> module(jnp.ones((2, 4))).shape, module.layers[0].linear.kernel.shape
    ((2, 3), (4, 8))
    """

    def __init__(
        self,
        spec: MLPSpec,
        *,
        hyper: NetHyper | None = None,
        precision: str = "float32",
        net: tuple[Params, NormState] | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        """Draw a network, from `init_mlp` with the next key of the stream `params`.

        Args:
            spec: the network.
            hyper: its numbers, concrete; they are constants of the module, but those of a learned activation are
                parameters.
            precision: one of `PRECISIONS`.
            net: (params, norm_state) in place of drawing, as `from_params` gives it.
            rngs: `params` draws the start, `dropout` the masks.

        Raises:
            InputError: unknown `precision`, or a user's number that is not there.
        """
        check_choice("precision", precision, PRECISIONS)
        hyper = hyper or NetHyper()
        params, norm_state = net or init_mlp(rngs.params(), spec, hyper)
        self.layers = nnx.List(
            Layer(layer, parameters, running, spec, hyper, precision, rngs)
            for layer, (parameters, running) in enumerate(zip(params, norm_state, strict=True))
        )
        self.output = OUTPUTS[spec.output] or _identity

    @classmethod
    def from_params(
        cls, params: Params, norm_state: NormState, *, spec: MLPSpec, hyper: NetHyper, precision: str = "float32"
    ) -> "MLP":
        """The same network as a module, in training mode; its arrays are copies, and dropout draws from seed 0.

        Args:
            params: of `spec`, or a gradient of its structure.
            norm_state: the running statistics.
            spec: the network.
            hyper: as in `MLP`.
            precision: one of `PRECISIONS`.
        """
        return cls(spec, hyper=hyper, precision=precision, net=(params, norm_state), rngs=nnx.Rngs(0))

    def __call__(self, x: Array) -> Array:
        """Outputs [B, K] of preprocessed rows [B, I]; `InputError` for integers, which are images as stored."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise InputError(
                f"images are {x.dtype}: this module takes floats; preprocess them first, "
                "with PREPROCESSINGS[name].apply of jaxmlp.data"
            )
        module_input = x
        for layer in self.layers:
            module_input = x if layer.begins_module else module_input
            x = layer(x, module_input)
        return self.output(x)

    def to_params(self) -> tuple[Params, NormState]:
        """(params, norm_state) as `apply_mlp` takes them; copies, what `from_params` was given."""
        params, states = zip(*(layer.to_params() for layer in self.layers), strict=True)
        return params, states


class Layer(nnx.Module):
    """One linear of the main path and what follows it."""

    def __init__(self, layer: int, parameters, running, spec: MLPSpec, hyper: NetHyper, precision: str, rngs: nnx.Rngs):
        of_linear = partial(_linear, parameters, precision, rngs)
        pre_activation = spec.norm_position == "pre_activation"
        norm = _norm(parameters, running, spec, hyper, rngs) if spec.is_normalized(layer) else _identity
        active = spec.has_activation(layer)
        self.begins_module = layer in {first for first, _ in spec.modules}
        self.ends_module = layer in {last for _, last in spec.modules}
        self.linear = of_linear("")
        self.pre_norm = norm if pre_activation else _identity
        self.skip = of_linear("skip_") if "skip_weight" in parameters else _identity
        self.activation = _activation(parameters, spec, hyper, of_linear) if active else _identity
        self.post_norm = _identity if pre_activation else norm
        self.dropout = _dropout(spec, hyper, rngs) if active else _identity

    def __call__(self, x: Array, module_input: Array) -> Array:
        """The layer's output; `module_input` [B, I] is what entered the residual module it stands in."""
        x = self.pre_norm(self.linear(x))
        if self.ends_module:
            x = x + self.skip(module_input)
        return self.dropout(self.post_norm(self.activation(x)))

    def to_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """This layer's entry of `Params` and of `NormState`."""
        linears = {"": self.linear, "skip_": self.skip, "maxout_": getattr(self.activation, "maps", None)}
        parameters, running = {}, {}
        for prefix, one in linears.items():
            if isinstance(one, nnx.Linear):
                parameters |= {f"{prefix}weight": jnp.array(one.kernel[...].T)}
                parameters |= {} if one.bias is None else {f"{prefix}bias": jnp.array(one.bias[...])}
        if isinstance(self.activation, LearnedActivation):
            parameters["slope"] = jnp.array(self.activation.slope[...])
        for norm in (self.pre_norm, self.post_norm):
            if isinstance(norm, BatchNorm | LayerNorm) and norm.scale is not None and norm.bias is not None:
                parameters |= {"scale": jnp.array(norm.scale[...]), "shift": jnp.array(norm.bias[...])}
            if isinstance(norm, nnx.BatchNorm):
                running = {"mean": jnp.array(norm.mean[...]), "var": jnp.array(norm.var[...])}
        return parameters, running


class LearnedActivation(nnx.Module):
    """An activation whose number is a parameter of the layer, as PReLU's slope is."""

    def __init__(self, function: Callable[[Array, Array], Array], slope: Array):
        self.function = function
        self.slope = nnx.Param(jnp.array(slope))

    def __call__(self, x: Array) -> Array:
        """The function of x, any shape, and of the parameter."""
        return self.function(x, self.slope[...])


class MaxoutLayer(nnx.Module):
    """D3's maxout: further affine maps, and the largest of each k (S-039)."""

    def __init__(self, maps: Linear, pieces: int):
        self.maps = maps
        self.pieces = pieces

    def __call__(self, x: Array) -> Array:
        """[B, O] to [B, O]."""
        return maxout(self.maps(x), self.pieces)


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


def _linear(parameters: dict[str, Array], precision: str, rngs: nnx.Rngs, prefix: str) -> Linear:
    weight, bias = parameters[f"{prefix}weight"], parameters.get(f"{prefix}bias")
    inits = {"kernel_init": _given(weight.T), "bias_init": _given(bias)}
    features = (weight.shape[1], weight.shape[0])
    return Linear(*features, use_bias=bias is not None, products=precision, **inits, rngs=rngs)


def _norm(parameters: dict[str, Array], running: dict[str, Array], spec: MLPSpec, hyper: NetHyper, rngs: nnx.Rngs):
    inits = {"scale_init": _given(parameters["scale"]), "bias_init": _given(parameters["shift"]), "rngs": rngs}
    features, epsilon = parameters["scale"].shape[0], float(hyper.norm_eps)
    if spec.norm == "layer_norm":
        return LayerNorm(features, epsilon=epsilon, **inits)
    norm = BatchNorm(features, momentum=1.0 - float(hyper.norm_momentum), epsilon=epsilon, **inits)
    norm.mean, norm.var = (nnx.BatchStat(jnp.array(running[name])) for name in ("mean", "var"))
    return norm


def _activation(parameters: dict[str, Array], spec: MLPSpec, hyper: NetHyper, of_linear: Callable[[str], Linear]):
    if spec.activation in MAXOUTS:
        if "maxout_weight" in parameters:
            return MaxoutLayer(of_linear("maxout_"), spec.maxout_pieces)
        return _With(maxout, spec.maxout_pieces)
    activation = ACTIVATIONS[spec.activation]
    if activation.learned:
        return LearnedActivation(activation.function, parameters["slope"])
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
