"""What looks at the validation loss after every epoch: a cut of the learning rate, and an early stop.

Both count bad epochs, those in a row that brought no lower loss; a loss that is lost, infinite or NaN, is a bad one.
"""

import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.training.hyper import Hyper


class Plateau(struct.PyTreeNode):
    """Cut the rate when the loss stands still (S-073), PyTorch's ReduceLROnPlateau without its floor on cuts.

    It cuts at the bad epoch number `patience` + 1 in a row (A-10: the fourth for D0's 3). Optax's counterpart cuts one
    epoch sooner at the same number, and counts calls instead of epochs.

    >>> state = Plateau.start()
    >>> for loss in (1.0, 0.5, 0.5, 0.5):  # twice no lower, and the patience is 1
    ...     state = state.after_epoch(jnp.array(loss), Hyper(plateau_patience=1.0, plateau_factor=0.5))
    >>> float(state.scale)
    0.5
    """

    lowest: Array
    """The loss that the last good epoch brought."""
    bad_epochs: Array
    scale: Array
    """The product of all cuts so far: what the scheduled rate is multiplied by."""

    @classmethod
    def start(cls) -> "Plateau":
        """Before the first epoch."""
        return cls(jnp.full((), jnp.inf), jnp.zeros((), jnp.int32), jnp.ones(()))

    def after_epoch(self, loss: Array, hyper: Hyper) -> "Plateau":
        """The state after an epoch that ended with this loss."""
        threshold, factor, patience = (
            jnp.asarray(number, loss.dtype)
            for number in (hyper.plateau_threshold, hyper.plateau_factor, hyper.plateau_patience)
        )
        lowest, bad_epochs = _count(self.lowest, self.bad_epochs, loss, self.lowest * (1.0 - threshold))
        cut = bad_epochs.astype(loss.dtype) > patience
        bad_epochs = jnp.where(cut, jnp.zeros_like(bad_epochs), bad_epochs)
        return Plateau(lowest, bad_epochs, jnp.where(cut, factor * self.scale, self.scale))


class EarlyStop(struct.PyTreeNode):
    """Stop after `patience` epochs in a row without a lower loss, or a lower error where that is watched.

    S-084, and Goodfellow et al. 2016, algorithm 7.1; see `EvalSpec.stop_on`.

    A stopped run stays as it is: parameters, history and this state. What is tested is still the spec's selection.

    >>> state = EarlyStop.start()
    >>> for loss in (1.0, 0.5, 0.6, 0.7):  # twice no lower than 0.5
    ...     state = state.after_epoch(jnp.array(loss), Hyper(stop_patience=2.0))
    >>> bool(state.stopped)
    True
    """

    lowest: Array
    bad_epochs: Array
    stopped: Array

    @classmethod
    def start(cls) -> "EarlyStop":
        """Before the first epoch."""
        return cls(jnp.full((), jnp.inf), jnp.zeros((), jnp.int32), jnp.zeros((), bool))

    def after_epoch(self, loss: Array, hyper: Hyper) -> "EarlyStop":
        """The state after an epoch that ended with this loss."""
        lowest, bad_epochs = _count(self.lowest, self.bad_epochs, loss, self.lowest)
        stopped = bad_epochs.astype(loss.dtype) >= jnp.asarray(hyper.stop_patience, loss.dtype)
        return EarlyStop(lowest, bad_epochs, stopped)


def _count(lowest: Array, bad_epochs: Array, loss: Array, bound: Array) -> tuple[Array, Array]:
    """(lowest loss, bad epochs in a row) after an epoch that is good where its loss is below the bound."""
    good = loss < bound
    return jnp.where(good, loss, lowest), jnp.where(good, jnp.zeros_like(bad_epochs), bad_epochs + 1)
