"""flax: an `nnx.Sequential` as a spec with its weights; this package's own modules in it too."""

import inspect
from functools import partial
from typing import Any

import numpy as np

from jaxmlp.errors import InputError
from jaxmlp.nn.activations import ACTIVATIONS
from jaxmlp.nn.foreign.parts import ForeignNet, NetPart, assemble_net, refuse

_FUNCTIONS = {"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax"}


def from_nnx(module: Any) -> ForeignNet:
    """An `nnx.Sequential` of Linear, BatchNorm, LayerNorm, Dropout, PReLU and activation functions, as it is now.

    Functions are `nnx.relu`, `sigmoid`, `tanh`, `softmax`, `leaky_relu`, `elu` and `gelu`, the last three also with a
    number bound by `functools.partial`. Biases before a batch norm are treated as in `from_torch`.

    Args:
        module: the object; its arrays are copied.

    Raises:
        InputError: names a layer that an `MLPSpec` cannot express.

    >>> from flax import nnx
    >>> rngs = nnx.Rngs(0)
    >>> from_nnx(nnx.Sequential(nnx.Linear(4, 3, rngs=rngs), nnx.tanh, nnx.Linear(3, 2, rngs=rngs))).spec.widths
    (4, 3, 2)
    """
    from flax import nnx  # takes its time to load

    if not isinstance(module, nnx.Sequential):
        raise InputError(f"{type(module).__name__} is no nnx.Sequential: give one, of Linear, norms and activations")
    return assemble_net(
        [_part(f"layer {place} ({_name(layer)})", layer, nnx) for place, layer in enumerate(module.layers)]
    )


def _name(layer: Any) -> str:
    function = layer.func if isinstance(layer, partial) else layer
    return getattr(function, "__name__", type(layer).__name__)


def _part(where: str, layer: Any, nnx: Any) -> NetPart:
    if isinstance(layer, nnx.Linear):
        return NetPart("linear", where, arrays=_arrays(weight=layer.kernel[...].T, bias=layer.bias))
    if isinstance(layer, nnx.BatchNorm):
        arrays = _norm_arrays(where, layer) | _arrays(mean=layer.mean, var=layer.var)
        numbers = {"norm_eps": float(layer.epsilon), "norm_momentum": 1.0 - float(layer.momentum)}
        return NetPart("batch_norm", where, arrays=arrays, numbers=numbers)
    if isinstance(layer, nnx.LayerNorm):
        return NetPart(
            "layer_norm", where, arrays=_norm_arrays(where, layer), numbers={"norm_eps": float(layer.epsilon)}
        )
    if isinstance(layer, nnx.Dropout):
        return NetPart("dropout", where, numbers={"dropout_rate": float(layer.rate)})
    if isinstance(layer, nnx.PReLU):
        return NetPart("activation", where, "prelu", arrays=_arrays(slope=layer.negative_slope))
    return _function(where, layer)


def _norm_arrays(where: str, norm: Any) -> dict[str, np.ndarray]:
    if norm.scale is None or norm.bias is None:
        refuse(NetPart("", where), "has no scale or no bias: an MLPSpec's norm has both")
    return _arrays(scale=norm.scale, shift=norm.bias)


def _function(where: str, layer: Any) -> NetPart:
    name = _name(layer)
    own = next((known for known, row in ACTIVATIONS.items() if row.function is layer and not row.numbers), None)
    if own is not None:
        return NetPart("activation", where, own)
    function, positional = (layer.func, layer.args) if isinstance(layer, partial) else (layer, ())
    if positional or not getattr(inspect.unwrap(function), "__module__", "").startswith(("jax", "flax")):
        refuse(NetPart("", where), "is a function of your own: ACTIVATIONS.register it, and give the spec yourself")
    bound = dict(layer.keywords) if isinstance(layer, partial) else {}
    if name in _FUNCTIONS and not bound:
        return NetPart("activation", where, _FUNCTIONS[name])
    if name == "gelu" and bound.keys() <= {"approximate"}:
        return NetPart("activation", where, "gelu_tanh" if bound.get("approximate", True) else "gelu_erf")
    if name == "leaky_relu" and bound.keys() <= {"negative_slope"}:
        return NetPart("activation", where, name, numbers={"leaky_slope": float(bound.get("negative_slope", 0.01))})
    if name == "elu" and bound.keys() <= {"alpha"}:
        return NetPart("activation", where, name, numbers={"elu_alpha": float(bound.get("alpha", 1.0))})
    known = ", ".join((*_FUNCTIONS, "gelu", "leaky_relu", "elu"))
    refuse(
        NetPart("", where), f"is not among what an MLPSpec has: Linear, BatchNorm, LayerNorm, Dropout, PReLU, {known}"
    )


def _arrays(**variables: Any) -> dict[str, np.ndarray]:
    """Copies of flax's variables, without those that are None."""
    return {name: np.array(value[...]) for name, value in variables.items() if value is not None}
