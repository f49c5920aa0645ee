"""Parameters as an optimizer takes them: matrices as they are, all vectors of one name end to end in one.

A deep net's biases, scales and shifts are most of its arrays and hardly any of its numbers. What is the same for every
number, an update or a choice, may take them together: of a 41-layer net with batch norm that leaves 41 matrices and 3
vectors instead of 162 arrays, and Adam's part of the program shrinks as much.
"""

import jax.numpy as jnp
from jax import Array

from jaxmlp.nn import NormState, Params

Packed = tuple[dict[str, Array], ...]
"""One dict of matrices per layer, then one dict of vectors: all layers' bias, scale, shift, slope ..., by name."""


def pack(params: Params | NormState) -> Packed:
    """Pack parameters, a gradient of their structure, or running statistics."""
    matrices = tuple({name: leaf for name, leaf in layer.items() if leaf.ndim > 1} for layer in params)
    vectors: dict[str, list[Array]] = {}
    for layer in params:
        for name, leaf in layer.items():
            if leaf.ndim <= 1:
                vectors.setdefault(name, []).append(leaf.reshape(-1))
    return (*matrices, {name: jnp.concatenate(parts) for name, parts in vectors.items()})


def unpack(packed: Packed, like: Params | NormState) -> tuple[dict[str, Array], ...]:
    """What `pack` packed, in the structure and shapes of `like`."""
    *matrices, vectors = packed
    used = dict.fromkeys(vectors, 0)
    params = []
    for layer, kept in zip(like, matrices, strict=True):
        new = {}
        for name, leaf in layer.items():
            if leaf.ndim > 1:
                new[name] = kept[name]
            else:
                begin, used[name] = used[name], used[name] + leaf.size
                new[name] = vectors[name][begin : used[name]].reshape(leaf.shape)
        params.append(new)
    return tuple(params)
