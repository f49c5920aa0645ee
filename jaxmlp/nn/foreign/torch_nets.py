"""PyTorch: an `nn.Sequential` as a spec with its weights, and a spec's weights under PyTorch's names.

Modules are known by the name of their class, so that PyTorch itself is not needed. PyTorch keeps the unbiased running
variance and this package the biased one: what was trained there predicts the same, and goes on with the biased one.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxmlp.errors import InputError
from jaxmlp.nn.activations import ACTIVATIONS
from jaxmlp.nn.foreign.parts import ForeignNet, NetPart, assemble_net, refuse
from jaxmlp.nn.init import NormState, Params
from jaxmlp.nn.spec import MAXOUTS, MLPSpec


def from_torch(module: Any) -> ForeignNet:
    """An `nn.Sequential` of Linear, BatchNorm1d, LayerNorm, Dropout and activations, as it is now.

    The bias of a linear that goes straight into a batch norm is taken off its running mean, which computes the same.
    Nested Sequentials are one chain; Identity, and Flatten in front, do nothing to rows [B, I].

    Args:
        module: the object; its arrays are copied.

    Returns:
        Spec, params, norm_state, and the numbers it has: eval-mode outputs are those of `apply_mlp(train=False)`.

    Raises:
        InputError: names a module that an `MLPSpec` cannot express.

    >>> class Sequential(list):  # stands for torch.nn.Sequential, which is taken as it is
    ...     __module__ = "torch.nn.modules.container"
    ...     def named_children(self):
    ...         return ((str(i), child) for i, child in enumerate(self))
    >>> from_torch(Sequential())
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: this net has to begin with a linear layer, and it has no parts
    """
    if _name(module) != "Sequential":
        raise InputError(f"{_name(module)} is no nn.Sequential: give one, of Linear, norms, Dropout and activations")
    chain = [(path, child) for path, child in _children(module, "")]
    while chain and _name(chain[0][1]) == "Flatten":
        del chain[0]
    return assemble_net([part for path, child in chain if (part := _part(path, child)) is not None])


def to_torch(params: Params, norm_state: NormState, *, spec: MLPSpec) -> dict[str, np.ndarray]:
    """The weights as the state dict of an `nn.Sequential`, plain NumPy arrays by name.

    The Sequential has, for every hidden layer, Linear, the norm where it is `pre_activation`, the activation, the norm
    where it is `post_activation`, Dropout; then the last Linear, and the output's activation where there is one.
    A linear before a batch norm has no bias in a spec: `Linear(..., bias=False)`.

    Args:
        params: of `spec`.
        norm_state: of `spec`.
        spec: the network.

    Returns:
        Names such as `0.weight` and `1.running_mean`, in order; `load_state_dict` takes them as tensors.

    Raises:
        InputError: a spec that no Sequential is.

    >>> import jax
    >>> from jaxmlp import nn
    >>> spec, hyper = nn.MLPSpec((4, 3, 2), norm="layer_norm"), nn.NetHyper()
    >>> list(to_torch(*nn.init_mlp(jax.random.key(0), spec, hyper), spec=spec))
    ['0.weight', '0.bias', '2.weight', '2.bias', '3.weight', '3.bias']
    """
    _check_sequential(spec)
    found: dict[str, np.ndarray] = {}
    place = 0
    for layer, (parameters, running) in enumerate(zip(params, norm_state, strict=True)):
        for names in _layer_names(spec, layer):
            arrays = parameters | running
            found |= {f"{place}.{theirs}": _numpy(arrays[ours]) for ours, theirs in names.items() if ours in arrays}
            if "mean" in names and running:
                found[f"{place}.num_batches_tracked"] = np.zeros((), np.int64)
            place += 1
    return found


_LINEAR = {"weight": "weight", "bias": "bias"}
_NORM = {"scale": "weight", "shift": "bias", "mean": "running_mean", "var": "running_var"}
_PRELU = {"slope": "weight"}


def _layer_names(spec: MLPSpec, layer: int) -> Iterator[dict[str, str]]:
    """Of every child of a layer, our names of its arrays and PyTorch's."""
    normalized, before = spec.is_normalized(layer), spec.norm_position == "pre_activation"
    yield _LINEAR
    if not spec.has_activation(layer):
        if spec.output != "none":
            yield {}
        return
    if normalized and before:
        yield _NORM
    yield _PRELU
    if normalized and not before:
        yield _NORM
    if spec.dropout != "none":
        yield {}


def _check_sequential(spec: MLPSpec) -> None:
    learned = spec.activation in ACTIVATIONS and ACTIVATIONS[spec.activation].learned
    for what, unknown in {
        f"residual {spec.residual!r}": spec.residual != "none",
        f"activation {spec.activation!r}": spec.activation in MAXOUTS or (learned and spec.activation != "prelu"),
        f"dropout {spec.dropout!r}": spec.dropout == "keep_probability",
    }.items():
        if unknown:
            raise InputError(
                f"{what} is no module of an nn.Sequential: save the net with save_net, or export it to flax"
            )


def _numpy(array: Any) -> np.ndarray:
    values = np.asarray(array)
    return np.array(values[None] if values.ndim == 0 else values)  # PReLU's weight is [1]


def _name(module: Any) -> str:
    return type(module).__name__ if type(module).__module__.partition(".")[0] == "torch" else repr(type(module))


def _children(module: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, child in module.named_children():
        if _name(child) == "Sequential":
            yield from _children(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _part(path: str, module: Any) -> NetPart | None:
    name = _name(module)
    where = NetPart("", f"module {path} ({name})")
    if name == "Identity":
        return None
    if name not in _READERS:
        refuse(where, f"is not among what an MLPSpec has: {', '.join(_READERS)}, Identity")
    fields: dict[str, Any] = _READERS[name](module, where)
    return NetPart(where=where.where, **fields)


def _linear(module: Any, part: NetPart) -> dict[str, Any]:
    return {"kind": "linear", "arrays": _arrays(module, _LINEAR)}


def _batch_norm(module: Any, part: NetPart) -> dict[str, Any]:
    if module.weight is None or module.running_mean is None or module.momentum is None:
        refuse(part, "has no scale and shift, no running statistics or no momentum: an MLPSpec's batch norm has them")
    numbers = {"norm_eps": float(module.eps), "norm_momentum": float(module.momentum)}
    return {"kind": "batch_norm", "arrays": _arrays(module, _NORM), "numbers": numbers}


def _layer_norm(module: Any, part: NetPart) -> dict[str, Any]:
    if module.weight is None or module.bias is None or len(module.normalized_shape) != 1:
        refuse(part, "has no scale and shift, or more than one axis: an MLPSpec's layer norm is over the features")
    arrays = _arrays(module, {"scale": "weight", "shift": "bias"})
    return {"kind": "layer_norm", "arrays": arrays, "numbers": {"norm_eps": float(module.eps)}}


def _prelu(module: Any, part: NetPart) -> dict[str, Any]:
    if module.weight.numel() != 1:
        refuse(part, f"has {module.weight.numel()} slopes: an MLPSpec's PReLU has one per layer")
    return {"kind": "activation", "name": "prelu", "arrays": {"slope": _arrays(module, {"s": "weight"})["s"][0]}}


def _gelu(module: Any, part: NetPart) -> dict[str, Any]:
    return {"kind": "activation", "name": "gelu_tanh" if module.approximate == "tanh" else "gelu_erf"}


def _softmax(module: Any, part: NetPart) -> dict[str, Any]:
    if module.dim not in (1, -1):
        refuse(part, f"goes along axis {module.dim}: an MLPSpec's softmax goes along the outputs, dim=1")
    return {"kind": "activation", "name": "softmax"}


def _plain(name: str, **numbers: str) -> Callable[[Any, NetPart], dict[str, Any]]:
    """An activation of this name; `numbers` are fields of `NetHyper` and PyTorch's attributes."""
    return lambda module, part: {
        "kind": "activation",
        "name": name,
        "numbers": {ours: float(getattr(module, theirs)) for ours, theirs in numbers.items()},
    }


def _arrays(module: Any, names: dict[str, str]) -> dict[str, np.ndarray]:
    found = {ours: getattr(module, theirs) for ours, theirs in names.items()}
    return {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in found.items() if tensor is not None}


_READERS: dict[str, Callable[[Any, NetPart], dict[str, Any]]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": lambda module, part: {"kind": "dropout", "numbers": {"dropout_rate": float(module.p)}},
    "ReLU": _plain("relu"),
    "LeakyReLU": _plain("leaky_relu", leaky_slope="negative_slope"),
    "PReLU": _prelu,
    "ELU": _plain("elu", elu_alpha="alpha"),
    "GELU": _gelu,
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
    "Softmax": _softmax,
}
