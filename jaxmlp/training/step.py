"""One update of one run: the textbook's loop body, as a pure function."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.nn import LOSSES, NormState, Params, apply_mlp
from jaxmlp.training.optimizers import init_optimizer, update
from jaxmlp.training.schedules import SCHEDULES
from jaxmlp.training.spec import Hyper, RunSpec


class TrainState(struct.PyTreeNode):
    """What one step changes."""

    params: Params
    norm_state: NormState
    opt_state: Any
    step: Array
    """int32, updates done so far."""


def init_train_state(params: Params, norm_state: NormState, *, spec: RunSpec, hyper: Hyper) -> TrainState:
    """The state before the first step."""
    opt_state = init_optimizer(spec.optimizer.name, hyper, params)
    return TrainState(params, norm_state, opt_state, jnp.zeros((), jnp.int32))


def learning_rate(step: Array, *, spec: RunSpec, hyper: Hyper) -> Array:
    """η at a step: the schedule's factor times `hyper.learning_rate`."""
    factor = SCHEDULES[spec.schedule.name](step)
    return factor * jnp.asarray(hyper.learning_rate, factor.dtype)


def train_step(
    state: TrainState, x: Array, labels: Array, *, spec: RunSpec, hyper: Hyper, key: Array | None = None
) -> tuple[TrainState, Array]:
    """Forward, backward, update: one batch.

    Args:
        state: before the step.
        x: the preprocessed batch, [B, I].
        labels: [B] integers.
        spec: the run's structure.
        hyper: the run's numbers.
        key: for dropout, where the network has it.

    Returns:
        (state after the step, the batch's mean loss before it).
    """

    def objective(params: Params) -> tuple[Array, NormState]:
        logits, norm_state, _ = apply_mlp(
            params,
            state.norm_state,
            x,
            spec=spec.mlp,
            hyper=hyper,
            train=True,
            key=key,
            precision=spec.precision,
            backward=spec.backward,
        )
        return jnp.mean(LOSSES[spec.loss.name](logits, labels)), norm_state

    (loss, norm_state), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
    rate = learning_rate(state.step, spec=spec, hyper=hyper)
    params, opt_state = update(spec.optimizer.name, hyper, rate, grads, state.opt_state, state.params)
    return TrainState(params, norm_state, opt_state, state.step + 1), loss
