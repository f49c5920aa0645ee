"""What is penalized and what decays: weights, by λ = `Hyper.penalty` times an entry of `nn.PENALTIES`.

Not biases (but where a weight decay or a penalty asks for them), nor a norm's scale and shift, nor PReLU's slopes.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.nn import PENALTIES, Params

if TYPE_CHECKING:
    from jaxmlp.training.hyper import Hyper
    from jaxmlp.training.spec import LossSpec


def is_regularized(path: tuple[Any, ...], *, biases: bool = False) -> bool:
    """Whether the parameter at this path of the parameters' tree is a weight, or with `biases` a bias."""
    name = str(path[-1].key)
    return name.endswith("weight") or (biases and name.endswith("bias"))


def weights_of(params: Any, *, biases: bool = False) -> list[Array]:
    """The parameters that are penalized, in order."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [leaf for path, leaf in leaves if is_regularized(path, biases=biases)]


def penalty_of(params: Params, spec: "LossSpec", hyper: "Hyper") -> Array:
    """λ R(W), a scalar, of a spec that has a penalty: what it adds to the mean loss."""
    penalty = PENALTIES[spec.penalty](weights_of(params, biases=spec.penalize_biases))
    return jnp.asarray(hyper.penalty, penalty.dtype) * penalty


def penalized(loss: Array, params: Params, spec: "LossSpec", hyper: "Hyper") -> Array:
    """The mean loss with the penalty, where the spec has one."""
    return loss if spec.penalty == "none" else loss + penalty_of(params, spec, hyper)
