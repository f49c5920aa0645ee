"""One update of one run: the textbook's loop body, as a pure function."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxmlp.errors import InputError
from jaxmlp.nn import NormState, Params, apply_mlp, losses_of
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.optimizers import folded, init_optimizer, unfolded, update
from jaxmlp.training.regularized import penalized
from jaxmlp.training.schedules import Clock, schedule_factor
from jaxmlp.training.score import score_of
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.update_order import known_at_last


class TrainState(struct.PyTreeNode):
    """What one step changes.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((2, 3, 2))), training.Hyper()
    >>> state = init_train_state(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), spec=spec, hyper=hyper)
    >>> int(state.step), len(state.params)
    (0, 2)
    """

    params: Params
    norm_state: NormState
    opt_state: Any
    step: Array
    """int32, updates done so far."""


def init_train_state(params: Params, norm_state: NormState, *, spec: RunSpec, hyper: Hyper) -> TrainState:
    """The state before the first step.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 3, 2)), optimizer=training.OptimizerSpec("sgd"))
    >>> params, norm_state = nn.init_mlp(jax.random.key(0), spec.mlp, training.Hyper())
    >>> int(init_train_state(params, norm_state, spec=spec, hyper=training.Hyper()).step)
    0
    """
    opt_state = init_optimizer(spec.optimizer, hyper, folded(spec.optimizer, params))
    return TrainState(params, norm_state, opt_state, jnp.zeros((), jnp.int32))


def learning_rate(
    step: Array, *, spec: RunSpec, hyper: Hyper, steps_per_epoch: int, scale: Array | None = None
) -> Array:
    """η at a step: the schedule's factor times `hyper.learning_rate`, times the plateau's `scale` where it has one.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 3)), schedule=training.ScheduleSpec("step_decay"), epochs=4)
    >>> hyper = training.Hyper(learning_rate=0.5, decay_factor=0.5)
    >>> [float(learning_rate(jnp.array(step), spec=spec, hyper=hyper, steps_per_epoch=10)) for step in (0, 19, 20)]
    [0.5, 0.5, 0.25]
    """
    factor = schedule_factor(Clock(step, steps_per_epoch, spec.epochs), spec.schedule, hyper)
    rate = factor * jnp.asarray(hyper.learning_rate, factor.dtype)
    return rate if scale is None else scale * rate


def train_step(
    state: TrainState,
    x: Array,
    labels: Array,
    *,
    spec: RunSpec,
    hyper: Hyper,
    rate: Array | None = None,
    key: Array | None = None,
    class_weights: Array | None = None,
) -> tuple[TrainState, Array]:
    """Forward, backward, update: one batch.

    Args:
        state: before the step.
        x: the preprocessed batch, [B, I].
        labels: [B] integers, or the float targets of numbers, [B, T].
        spec: the run's structure.
        hyper: the run's numbers.
        rate: η of this step, from `learning_rate`; a spec of constant rate has it from `hyper`.
        key: for dropout, where the network has it.
        class_weights: as in `objective`.

    Returns:
        (state after the step, the batch's mean loss before it, weighted and with the penalty where the spec says so).

    Raises:
        InputError: no `rate` where the spec's rate is not constant, or what `objective` refuses.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 2), initializer="zeros"), optimizer=training.OptimizerSpec("sgd"))
    >>> hyper = training.Hyper(learning_rate=1.0)
    >>> state = init_train_state(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), spec=spec, hyper=hyper)
    >>> state, loss = train_step(state, jnp.ones((4, 2)), jnp.zeros(4, int), spec=spec, hyper=hyper)
    >>> round(float(loss), 4), state.params[0]["weight"].tolist()
    (0.6931, [[0.5, 0.5], [-0.5, -0.5]])
    """
    if rate is None:
        rate = _constant_rate(spec, hyper)
    more = {"key": key, "class_weights": class_weights}
    return counted_step(state, x, labels, spec=spec, hyper=hyper, rate=rate, **more)[:2]


def objective(
    params: Params,
    norm_state: NormState,
    x: Array,
    labels: Array,
    *,
    spec: RunSpec,
    hyper: Hyper,
    key: Array | None = None,
    class_weights: Array | None = None,
) -> tuple[Array, tuple[NormState, Array]]:
    """What a step goes down: the batch's mean loss in training mode, plus the penalty where the spec has one.

    Args:
        params: θ, what to differentiate by.
        norm_state: the running statistics before the batch.
        x: the preprocessed batch, [B, I].
        labels: [B] integers, or the float targets of numbers, [B, T].
        spec: the run's structure.
        hyper: the run's numbers.
        key: for dropout, where the network has it.
        class_weights: [K], where the spec weighs classes: `RunState.class_weights`, or `balanced_weights`.

    Returns:
        (the loss, a scalar, (norm_state moved by the batch, outputs [B, K])).

    Raises:
        InputError: an input of the wrong width, a network with dropout and no key, or a spec that weighs classes and no
            weights.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((2, 3, 2), initializer="zeros")), training.Hyper()
    >>> params, norm_state = nn.init_mlp(jax.random.key(0), spec.mlp, hyper)
    >>> loss, _ = training.objective(params, norm_state, jnp.ones((4, 2)), jnp.zeros(4, int), spec=spec, hyper=hyper)
    >>> round(float(loss), 4)  # ln 2: a net of zeros answers every class alike
    0.6931
    """
    outputs, norm_state, _ = apply_mlp(
        params,
        norm_state,
        x,
        spec=spec.mlp,
        hyper=hyper,
        train=True,
        key=key,
        precision=spec.precision,
        backward=spec.backward,
    )
    losses = losses_of(spec.loss.name, outputs, labels, hyper)
    if spec.loss.class_weights != "none":
        losses = losses * _weights(class_weights, labels).astype(losses.dtype)
    return penalized(jnp.mean(losses), params, spec.loss, hyper), (norm_state, outputs)


def counted_step(
    state: TrainState,
    x: Array,
    labels: Array,
    *,
    spec: RunSpec,
    hyper: Hyper,
    rate: Array,
    key: Array | None,
    class_weights: Array | None = None,
) -> tuple[TrainState, Array, Array]:
    """`train_step`, and the batch's score before the update, accuracy or R², dropout included (S-097)."""
    of_params = partial(objective, spec=spec, hyper=hyper, key=key, class_weights=class_weights)
    (loss, (norm_state, outputs)), grads = jax.value_and_grad(of_params, has_aux=True)(
        state.params, state.norm_state, x, labels
    )
    with jax.named_scope("update"):
        rate = known_at_last(rate, grads)
        slopes, before = (folded(spec.optimizer, tree) for tree in (grads, state.params))
        after, opt_state = update(spec.optimizer, hyper, rate, slopes, state.opt_state, before)
    params = unfolded(spec.optimizer, after, state.params)
    return TrainState(params, norm_state, opt_state, state.step + 1), loss, score_of(outputs, labels, spec)


def _weights(class_weights: Array | None, labels: Array) -> Array:
    if class_weights is None:
        raise InputError("this spec weighs classes: give class_weights=balanced_weights(labels, num_classes)")
    return class_weights[labels]


def _constant_rate(spec: RunSpec, hyper: Hyper) -> Array:
    if not spec.schedule.is_constant:
        raise InputError("this spec's schedule moves the rate: give train_step its rate=learning_rate(...)")
    return jnp.asarray(hyper.learning_rate, float)
