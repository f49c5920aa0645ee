"""What is penalized and what decays: weights, by λ = `Hyper.penalty` times an entry of `nn.PENALTIES`.

Not biases (but where a weight decay or a penalty asks for them), nor a norm's scale and shift, nor PReLU's slopes.
"""

from typing import Any

import jax
from jax import Array


def is_regularized(path: tuple[Any, ...], *, biases: bool = False) -> bool:
    """Whether the parameter at this path of the parameters' tree is a weight, or with `biases` a bias."""
    name = str(path[-1].key)
    return name.endswith("weight") or (biases and name.endswith("bias"))


def weights_of(params: Any, *, biases: bool = False) -> list[Array]:
    """The parameters that are penalized, in order."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [leaf for path, leaf in leaves if is_regularized(path, biases=biases)]
