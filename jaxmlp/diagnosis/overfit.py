"""The second sanity check: a net that cannot fit a few rows will not fit many (S-108)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxmlp.diagnosis.finding import Finding
from jaxmlp.nn import apply_mlp
from jaxmlp.training import Hyper, LossSpec, Net, OptimizerSpec, RunSpec, init_train_state, train_step
from jaxmlp.training.score import score_of
from jaxmlp.training.step import TrainState

FITTING_STEPS = 500
"""Full-batch steps that a few rows are given."""
LEARNED = 0.9
"""Accuracy on rows that are trained on, or R²: a net that can learn reaches it."""
REFERENCE_RATES = (1e-3, 1e-2)
"""Of Adam, where the run's own rule does not."""
GAP = 0.2
"""Of scores with running and batch statistics, after steps enough for the running ones to follow."""


def varied_rows(labels: np.ndarray, count: int, classes: int) -> np.ndarray:
    """The first rows that have the classes in turn, [at most count]; of numbers the first rows."""
    if classes == 0:
        return np.arange(min(count, len(labels)))
    turn = np.zeros(len(labels), int)
    for one in range(classes):
        own = np.flatnonzero(labels == one)
        turn[own] = np.arange(len(own))
    return np.lexsort((labels, turn))[:count]


def overfits(net: Net, x: Array, labels: Array) -> list[Finding]:
    """Train on a few rows alone, without penalty and dropout, and see whether they are learned.

    Args:
        net: of one run, at its start.
        x: preprocessed rows, [M, I].
        labels: [M], or targets.

    Returns:
        One finding, of what the run's own rule and rate make of them and, where that is little, Adam; and for a net
        with batch norm another, whether its running statistics follow.
    """
    spec, hyper, name = _bare(net.spec), net.hyper, f"overfit {len(x)}"
    scores = _fit(net, x, labels, spec, hyper)
    own, follows = float(scores["batch"]), _follows(net, scores)
    sentence = f"score {own:.2f} on {len(x)} rows after {FITTING_STEPS} steps"
    if own >= LEARNED:
        return [Finding("pass", name, own, sentence), *follows]
    adam = replace(spec, optimizer=OptimizerSpec("adam"))
    tried = [float(_fit(net, x, labels, adam, hyper.replace(learning_rate=rate))["batch"]) for rate in REFERENCE_RATES]
    best = int(np.argmax(tried))
    sentence += f"; by Adam at {REFERENCE_RATES[best]:g} it is {tried[best]:.2f}"
    if tried[best] >= LEARNED:
        return [
            Finding("warn", name, own, sentence, "it can: try another rate or optimizer"),
            *follows,
        ]
    return [Finding("fail", name, own, sentence, "the net cannot: look at the other lines, and at its width"), *follows]


def overfits_more(net: Net, x: Array, labels: Array) -> Finding:
    """The same of more rows, by the run's own rule alone: a warning where they are not learned in as many steps."""
    own, name = float(_fit(net, x, labels, _bare(net.spec), net.hyper)["batch"]), f"overfit {len(x)}"
    sentence = f"score {own:.2f} on {len(x)} rows after {FITTING_STEPS} steps"
    if own >= LEARNED:
        return Finding("pass", name, own, sentence)
    return Finding("warn", name, own, sentence, "it learns more rows slowly: try another rate, or a wider net")


def _bare(spec: RunSpec) -> RunSpec:
    """The spec without what holds a net back."""
    optimizer = replace(spec.optimizer, weight_decay=False, decay_biases=False)
    loss = LossSpec(spec.loss.name)
    return replace(spec, mlp=replace(spec.mlp, dropout="none"), optimizer=optimizer, loss=loss)


def _fit(net: Net, x: Array, labels: Array, spec: RunSpec, hyper: Hyper) -> dict[str, Array]:
    hyper = jax.tree.map(lambda number: jnp.asarray(number, float), hyper)
    return _fitted(net.params, net.norm_state, x, labels, hyper, spec=spec)


@partial(jax.jit, static_argnames="spec")
def _fitted(params: Any, norm_state: Any, x: Array, labels: Array, hyper: Hyper, *, spec: RunSpec) -> dict[str, Array]:
    """Scores on the rows after `FITTING_STEPS` full-batch steps, by running and batch statistics."""
    start = init_train_state(params, norm_state, spec=spec, hyper=hyper)

    def step(i: Array, state: TrainState) -> TrainState:
        return train_step(state, x, labels, spec=spec, hyper=hyper, rate=jnp.asarray(hyper.learning_rate, float))[0]

    state = jax.lax.fori_loop(0, FITTING_STEPS, step, start)
    scores = {}
    for kind in ("running", "batch"):
        how = {"spec": spec.mlp, "hyper": hyper, "train": False, "norm_stats": kind, "update_norm": False}
        outputs, _, _ = apply_mlp(state.params, state.norm_state, x, **how)
        lost = jnp.any(~jnp.isfinite(outputs))
        scores[kind] = jnp.where(lost, jnp.zeros(()), score_of(outputs, labels, spec))
    return scores


def _follows(net: Net, scores: dict[str, Array]) -> Sequence[Finding]:
    if net.spec.mlp.norm != "batch_norm":
        return []
    gap = abs(float(scores["running"]) - float(scores["batch"]))
    told = " and ".join(f"{float(scores[kind]):.2f} with {kind} statistics" for kind in ("batch", "running"))
    level = "warn" if gap > GAP else "pass"
    advice = "" if level == "pass" else "raise --norm-momentum, or batches of more rows"
    return [Finding(level, "statistics", gap, f"after {FITTING_STEPS} steps on the same rows: score {told}", advice)]
