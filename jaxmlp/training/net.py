"""A network as one value: `Net`, which evaluation, probes, baselines and users take (S-090, S-102)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.errors import InputError
from jaxmlp.nn import NormState, Params, apply_mlp, predicted_classes
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.spec import RunSpec


class Net(struct.PyTreeNode):
    """A network with all that a prediction needs: it takes images as they are stored.

    A pytree whose arrays may be traced, of one run or, stacked, of many.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2))), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> net.logits(np.zeros((5, 4), np.uint8)).shape
    (5, 2)
    """

    params: Params
    norm_state: NormState
    preprocessing: Any
    """The fitted state of the spec's preprocessing."""
    hyper: Hyper
    """The numbers it is trained with."""
    spec: RunSpec = struct.field(pytree_node=False)

    def logits(self, images: Array | np.ndarray) -> Array:
        """Outputs [B, K] in evaluation mode of images [B, I] as stored, `spec.evaluation.batch_size` rows at once.

        They are logits, but where `MLPSpec.output` says otherwise.

        Raises:
            InputError: images of another width, or not of the type that the preprocessing takes.
        """
        _check_images(images, self.spec)
        size = self.spec.evaluation.batch_size
        pieces = [images[start : start + size] for start in range(0, max(1, len(images)), size)]
        return jnp.concatenate([_logits(self, jnp.asarray(piece)) for piece in pieces])

    def predict(self, images: Array | np.ndarray) -> Array:
        """The classes, int32 [B], or of numbers the outputs [B, T]; images and errors as for `logits`."""
        outputs = self.logits(images)
        if self.spec.loss.task == "numbers":
            return outputs
        return predicted_classes(outputs, self.spec.mlp.output).astype(jnp.int32)

    def preprocessed(self, images: Array) -> Array:
        """Rows [B, I] as the first linear takes them, of images as stored."""
        return PREPROCESSINGS[self.spec.data.preprocessing].apply(self.preprocessing, images)


@jax.jit
def _logits(net: Net, images: Array) -> Array:
    x, how = net.preprocessed(images), {"spec": net.spec.mlp, "precision": net.spec.precision}
    return apply_mlp(net.params, net.norm_state, x, hyper=net.hyper, train=False, **how)[0]


def _check_images(images: Array | np.ndarray, spec: RunSpec) -> None:
    width, row = spec.mlp.widths[0], PREPROCESSINGS[spec.data.preprocessing]
    if images.ndim != 2 or images.shape[1] != width:
        raise InputError(f"images have shape {images.shape}: this net takes [batch, {width}]")
    if (images.dtype == np.uint8) != row.images:
        wanted = "uint8, as stored: it preprocesses them itself" if row.images else row.takes
        raise InputError(f"images are {images.dtype}: this net takes {wanted}")
