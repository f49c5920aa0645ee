"""What happens between epochs: loss and score every few steps, D2's curves (S-097)."""

import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.schema import Column, Table, declare, declare_columns

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

declare_columns(Column("batch_score", "batch R²", "R²", higher_is_better=True))


class StepLog(struct.PyTreeNode):
    """Means over windows of `log_every` steps, window by window; L windows in all, a ragged end is not logged."""

    loss_sum: Array
    score_sum: Array
    """Both of the window that is being filled."""
    loss: Array
    """[L], the mean of a window's batch losses, penalty included; 0 where it has not come yet: after t steps,
    t // `log_every` have."""
    score: Array
    """[L], the same of the batches' accuracies, or R² of numbers."""

    @classmethod
    def start(cls, windows: int) -> "StepLog":
        """Before the first step."""
        return cls(jnp.zeros(()), jnp.zeros(()), jnp.zeros((windows,)), jnp.zeros((windows,)))

    def after_step(self, step: Array, loss: Array, score: Array, log_every: int) -> "StepLog":
        """The log after a step.

        Args:
            step: updates done, this one included.
            loss: the batch's.
            score: the batch's.
            log_every: steps of a window.
        """
        loss_sum, score_sum = self.loss_sum + loss, self.score_sum + score
        full = step % log_every == 0
        # Out of bounds, hence not written, while the window is not full.
        place = jnp.where(full, step // log_every - 1, self.loss.shape[0])
        return StepLog(
            jnp.where(full, jnp.zeros_like(loss_sum), loss_sum),
            jnp.where(full, jnp.zeros_like(score_sum), score_sum),
            self.loss.at[place].set(loss_sum / log_every, mode="drop"),
            self.score.at[place].set(score_sum / log_every, mode="drop"),
        )
