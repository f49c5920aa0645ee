"""What happens between epochs: loss and accuracy every few steps, D2's curves (S-097)."""

import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.schema import Column, Table, declare

STEPS = declare(
    Table(
        "steps",
        keys=("run_id", "step"),
        columns=(
            Column("batch_loss", unit="nats", higher_is_better=False),
            Column("batch_accuracy", unit="accuracy", higher_is_better=True),
        ),
        along="step",
        source="train with EvalSpec(log_every=50)",
    )
)
"""One row per run and window of `log_every` steps: means over the window's batches, before their updates (S-097)."""


class StepLog(struct.PyTreeNode):
    """Means over windows of `log_every` steps, window by window; L windows in all, a ragged end is not logged."""

    loss_sum: Array
    accuracy_sum: Array
    """Both of the window that is being filled."""
    loss: Array
    """[L], the mean of a window's batch losses, penalty included; 0 where it has not come yet: after t steps,
    t // `log_every` have."""
    accuracy: Array
    """[L], the same of the batches' accuracies, in [0, 1]."""

    @classmethod
    def start(cls, windows: int) -> "StepLog":
        """Before the first step."""
        return cls(jnp.zeros(()), jnp.zeros(()), jnp.zeros((windows,)), jnp.zeros((windows,)))

    def after_step(self, step: Array, loss: Array, accuracy: Array, log_every: int) -> "StepLog":
        """The log after a step.

        Args:
            step: updates done, this one included.
            loss: the batch's.
            accuracy: the batch's.
            log_every: steps of a window.
        """
        loss_sum, accuracy_sum = self.loss_sum + loss, self.accuracy_sum + accuracy
        full = step % log_every == 0
        # Out of bounds, hence not written, while the window is not full.
        place = jnp.where(full, step // log_every - 1, self.loss.shape[0])
        return StepLog(
            jnp.where(full, jnp.zeros_like(loss_sum), loss_sum),
            jnp.where(full, jnp.zeros_like(accuracy_sum), accuracy_sum),
            self.loss.at[place].set(loss_sum / log_every, mode="drop"),
            self.accuracy.at[place].set(accuracy_sum / log_every, mode="drop"),
        )
