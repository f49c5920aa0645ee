"""How large each layer's weight is, its gradient, and what the next step adds to it (S-093, S-110)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.nn import Params
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, RunSpec, RunState, next_batch, objective, train_step

GRADIENT_NORMS = probe_tables(
    "gradient_norms",
    axes=("layer",),
    columns=(
        Column("weight_norm", "norm of the weight"),
        Column("gradient_norm", "norm of the gradient"),
        Column("update_norm", "norm of the update"),
    ),
    probe="GradientNorms",
)
"""One row per run, moment and linear, numbered from 0: Frobenius norms of its weight W [O, I], of ∂L/∂W, and of W's
change in the next step."""


@dataclass(frozen=True)
class GradientNorms(Probe):
    """‖W‖, ‖∂L/∂W‖ and ‖W′ − W‖ of every linear, of the step that the run does next.

    L is what that step goes down: the loss of the run's own next batch in training mode, its dropout masks and its
    penalty included; the gradient is taken before any clipping and weight decay, the update after. At the end of
    training it is the step that would come.

    >>> from jaxmlp.probes import Steps
    >>> GradientNorms(Steps(at=(0, 1, 10))).table.name
    'gradient_norms_by_step'
    """

    tables: ClassVar[Mapping[str, Table]] = GRADIENT_NORMS

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: `weight_norm`, `gradient_norm` and `update_norm`, [L] each."""
        before, batch = run.train, next_batch(run, dataset, spec=spec, hyper=hyper)
        more = {"spec": spec, "hyper": hyper, "key": batch.key, "class_weights": run.class_weights}
        loss = partial(objective, **more)
        gradient, _ = jax.grad(loss, has_aux=True)(before.params, before.norm_state, batch.x, batch.labels)
        after, _ = train_step(before, batch.x, batch.labels, rate=batch.rate, **more)
        update = jax.tree.map(jnp.subtract, after.params, before.params)
        return memory, {
            "weight_norm": weight_norms(before.params),
            "gradient_norm": weight_norms(gradient),
            "update_norm": weight_norms(update),
        }


def weight_norms(params: Params) -> Array:
    """Frobenius norm of every linear's weight, or of what has its shape, [L]."""
    return jnp.stack([jnp.linalg.norm(layer["weight"]) for layer in params])
