"""A trained network as a thing of its own: to predict with, and to take into flax (S-090, S-102)."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.errors import InputError
from jaxmlp.nn import NormState, Params, predicted_classes
from jaxmlp.training.evaluate import logits_of
from jaxmlp.training.hyper import Hyper, hyper_of, hyper_values
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.state import RunState

if TYPE_CHECKING:
    from jaxmlp.nn.nnx_module import NnxMLP


class TrainedNet(struct.PyTreeNode):
    """A network with all that a prediction needs: it takes images as they are stored."""

    params: Params
    norm_state: NormState
    preprocessing: Any
    """The fitted state of the spec's preprocessing."""
    hyper: Hyper
    """The numbers it was trained with."""
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


def trained_net(run: RunState, *, spec: RunSpec, hyper: Hyper) -> TrainedNet:
    """The selected model of one run (not of lanes): the best by validation if the spec keeps it, else the last."""
    chosen = run.selected
    return TrainedNet(chosen.params, chosen.norm_state, run.preprocessing, hyper_of(hyper_values(hyper)), spec)


def export_nnx(net: TrainedNet) -> "NnxMLP":
    """The net as an `nnx.Module` of flax's own layers, in evaluation mode; see `jaxmlp.nn.nnx_module.to_nnx`.

    It takes *preprocessed* rows [B, I]: `PREPROCESSINGS[net.spec.data.preprocessing].apply(net.preprocessing, images)`.
    """
    from jaxmlp.nn.nnx_module import to_nnx  # flax.nnx takes its time to load

    return to_nnx(net.params, net.norm_state, spec=net.spec.mlp, hyper=net.hyper, precision=net.spec.precision)


@jax.jit
def _logits(net: TrainedNet, images: Array) -> Array:
    return logits_of(net.params, net.norm_state, net.preprocessing, images, spec=net.spec, hyper=net.hyper)


def _check_images(images: Array | np.ndarray, spec: RunSpec) -> None:
    width, row = spec.mlp.widths[0], PREPROCESSINGS[spec.data.preprocessing]
    if images.ndim != 2 or images.shape[1] != width:
        raise InputError(f"images have shape {images.shape}: this net takes [batch, {width}]")
    if (images.dtype == np.uint8) != row.images:
        wanted = "uint8, as stored: it preprocesses them itself" if row.images else row.takes
        raise InputError(f"images are {images.dtype}: this net takes {wanted}")
