"""From a list of parts, in the order in which they compute, to a spec with its weights.

Whatever a net was made with, it is a chain: a linear, then what follows it up to the next linear. A spec says once what
follows every hidden linear, so all of them must be followed by the same parts with the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxmlp.errors import InputError
from jaxmlp.nn.hyper import NetHyper
from jaxmlp.nn.init import NormState, Params
from jaxmlp.nn.outputs import OUTPUTS
from jaxmlp.nn.spec import MLPSpec


class ForeignNet(NamedTuple):
    """A converted net: the four things that `apply_mlp` takes.

    >>> from flax import nnx
    >>> from jaxmlp.nn import foreign
    >>> net = foreign.from_nnx(nnx.Sequential(nnx.Linear(4, 2, rngs=nnx.Rngs(0))))
    >>> net.spec.widths, net.params[0]["weight"].shape
    ((4, 2), (2, 4))
    """

    spec: MLPSpec
    params: Params
    norm_state: NormState
    hyper: NetHyper
    """The numbers it had: ε and momentum of its norms, slopes, dropout rate; all else is default."""


@dataclass(frozen=True)
class NetPart:
    """One part of a foreign net."""

    kind: str
    """linear, batch_norm, layer_norm, activation or dropout."""
    where: str
    """What an error calls it, such as `module 3 (ReLU)`."""
    name: str = ""
    """Of an activation: a key of `ACTIVATIONS` or of `OUTPUTS`."""
    arrays: dict[str, Any] = field(default_factory=dict)
    """As in `Params` and `NormState`: weight [O, I], bias, scale, shift, mean, var, slope."""
    numbers: dict[str, float] = field(default_factory=dict)
    """Fields of `NetHyper`."""


@dataclass(frozen=True)
class _Group:
    """A linear and what follows it."""

    linear: NetPart
    tail: tuple[NetPart, ...]

    def of(self, *kinds: str) -> NetPart | None:
        """The first part of these kinds."""
        return next((part for part in self.tail if part.kind in kinds), None)

    @property
    def pattern(self) -> tuple[str, ...]:
        """The kinds in order, an activation by its name."""
        return tuple(part.name or part.kind for part in self.tail)


_NORMS = ("batch_norm", "layer_norm")
_ORDERS = {
    ("activation",),
    *((norm, "activation") for norm in _NORMS),
    *(("activation", norm) for norm in _NORMS),
}


def assemble_net(parts: Sequence[NetPart]) -> ForeignNet:
    """The net of these parts.

    Raises:
        InputError: parts that no `MLPSpec` has, or that follow one hidden linear and not another.
    """
    groups = _grouped(parts)
    *hidden, last = groups
    for group in hidden:
        _check_hidden(group, hidden[0])
    output = _output(last)
    numbers = _numbers(parts)
    # What goes straight into a batch norm has no bias in a spec: see `_folded`.
    biased = [group for group in groups if group is last or group.pattern[0] != "batch_norm"]
    spec = _spec(groups, output, bias="bias" in biased[0].linear.arrays)
    for group in biased:
        if ("bias" in group.linear.arrays) != spec.bias:
            refuse(group.linear, "has a bias and others have none, or the other way round: a spec has all or none")
    params, norm_state = zip(*map(_folded, groups), strict=True)
    return ForeignNet(spec, params, norm_state, NetHyper(**numbers))


def refuse(part: NetPart, why: str) -> NoReturn:
    """Raise the one line that names a part."""
    raise InputError(f"{part.where} {why}")


def _grouped(parts: Sequence[NetPart]) -> list[_Group]:
    if not parts or parts[0].kind != "linear":
        first = f", and {parts[0].where} comes first" if parts else ", and it has no parts"
        raise InputError(f"this net has to begin with a linear layer{first}")
    starts = [i for i, part in enumerate(parts) if part.kind == "linear"]
    groups = [_Group(parts[i], tuple(parts[i + 1 : j])) for i, j in zip(starts, [*starts[1:], len(parts)], strict=True)]
    for before, after in pairwise(groups):
        given, asked = before.linear.arrays["weight"].shape[0], after.linear.arrays["weight"].shape[1]
        if given != asked:
            refuse(after.linear, f"takes {asked} inputs, and {before.linear.where} gives {given}")
    return groups


def _check_hidden(group: _Group, first: _Group) -> None:
    kinds = tuple(part.kind for part in group.tail if part.kind != "dropout")
    if kinds not in _ORDERS or group.of("dropout") not in (None, group.tail[-1]):
        followed = ", ".join(part.where for part in group.tail) or "nothing"
        refuse(
            group.linear,
            f"is followed by {followed}: an MLPSpec has one activation there, a norm before or behind it, dropout last",
        )
    activation = group.of("activation")
    if activation is not None and activation.name == "softmax":
        refuse(activation, "is an activation at the output only: choose one of ACTIVATIONS for hidden layers")
    if group.pattern != first.pattern:
        refuse(
            group.linear,
            f"is followed by {', '.join(group.pattern)} and {first.linear.where} by {', '.join(first.pattern)}: "
            "an MLPSpec has the same behind every hidden linear",
        )


def _output(last: _Group) -> str:
    for part in last.tail[1:] or [part for part in last.tail if part.name not in OUTPUTS]:
        refuse(part, f"follows the last linear: an MLPSpec has one of {', '.join(OUTPUTS)} there")
    return last.tail[0].name if last.tail else "none"


def _numbers(parts: Sequence[NetPart]) -> dict[str, Any]:
    found: dict[str, tuple[float, NetPart]] = {}
    for part in parts:
        for name, value in part.numbers.items():
            known, first = found.setdefault(name, (value, part))
            if known != value:
                refuse(
                    part, f"has {name.replace('_', ' ')} {value:g} and {first.where} {known:g}: a net has one for all"
                )
    return {name: value for name, (value, _) in found.items()}


def _spec(groups: Sequence[_Group], output: str, *, bias: bool) -> MLPSpec:
    widths = (groups[0].linear.arrays["weight"].shape[1], *(g.linear.arrays["weight"].shape[0] for g in groups))
    options: dict[str, Any] = {"bias": bias, "output": output}
    hidden = groups[0] if len(groups) > 1 else None
    if hidden is not None:
        activation, norm = hidden.of("activation"), hidden.of(*_NORMS)
        options["activation"] = activation.name if activation else "relu"
        if norm is not None:
            options["norm"] = norm.kind
            options["norm_position"] = "pre_activation" if hidden.tail[0] is norm else "post_activation"
        options["dropout"] = "inverted" if hidden.of("dropout") else "none"
    return MLPSpec(tuple(map(int, widths)), **options)


def _folded(group: _Group) -> tuple[dict[str, Array], dict[str, Array]]:
    """A layer's entry of `Params` and `NormState`.

    A batch norm subtracts a bias before it again: BN(z + b) with mean μ is BN(z) with mean μ − b, in both modes.
    """
    arrays = dict(group.linear.arrays)
    norm, activation = group.of(*_NORMS), group.of("activation")
    running: dict[str, Any] = {}
    if norm is not None:
        arrays |= {name: norm.arrays[name] for name in ("scale", "shift")}
        running = {name: norm.arrays[name] for name in ("mean", "var") if name in norm.arrays}
        if norm.kind == "batch_norm" and group.tail[0] is norm and "bias" in arrays:
            running["mean"] = np.asarray(running["mean"], np.float64) - np.asarray(arrays.pop("bias"), np.float64)
    if activation is not None and "slope" in activation.arrays:
        arrays["slope"] = activation.arrays["slope"]
    return _as_arrays(arrays), _as_arrays(running)


def _as_arrays(values: dict[str, Any]) -> dict[str, Array]:
    return {name: jnp.asarray(np.asarray(value), float) for name, value in values.items()}
