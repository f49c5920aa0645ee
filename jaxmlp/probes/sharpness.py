"""The curvature of a run's loss while it trains: the Hessian's largest eigenvalue, plain and as Adam sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import optax
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import check_count
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.probes.curvature import LossFunction, adam_preconditioner, gradient_sharpness, hessian_extremes
from jaxmlp.probes.losses import net_loss
from jaxmlp.probes.spectrum import Extremes
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, RunSpec, RunState, net_of, next_batch, objective
from jaxmlp.training.optimizers import unfolded
from jaxmlp.training.randomness import Stream, stream_key

CURVATURE = probe_tables(
    "curvature",
    axes=(),
    columns=(
        Column("largest_eigenvalue", "largest eigenvalue of the Hessian"),
        Column("largest_eigenvalue_error", "bound of the eigenvalue's error"),
        Column("batch_sharpness", "sharpness along the batch's gradient"),
    ),
    probe="Sharpness",
)
"""One row per run and moment."""

ADAM_CURVATURE = probe_tables(
    "adam_curvature",
    axes=(),
    columns=(
        Column("preconditioned_sharpness", "largest eigenvalue of the preconditioned Hessian"),
        Column("preconditioned_sharpness_error", "bound of the preconditioned eigenvalue's error"),
    ),
    probe="AdamSharpness",
)
"""One row per run and moment."""


@dataclass(frozen=True)
class _Curved(Probe):
    """A probe that makes products with the Hessian of what the run goes down, in training mode."""

    rows: int | None = None
    """The first so many of the training part, in batches of the size trained with, dropout off; None is the batch of
    the run's next step, dropout's masks included, whose curvature is mostly larger."""
    products: int = 10
    """Of Lanczos; each costs about two gradients."""

    def __post_init__(self) -> None:
        check_count("products", self.products)
        if self.rows is not None:
            check_count("rows", self.rows)

    def _loss(self, run: RunState, dataset: Dataset, spec: RunSpec, hyper: Hyper) -> LossFunction:
        if self.rows is None:
            return next_loss(run, dataset, spec=spec, hyper=hyper)
        chosen = run.train_index[: self.rows]
        images, labels = dataset.train_inputs[chosen], dataset.train_targets[chosen]
        return net_loss(net_of(run, spec=spec, hyper=hyper), images, labels, norm_stats="batch")

    def _extremes(self, run: RunState, loss: LossFunction, preconditioner: Any | None = None) -> Extremes:
        key = stream_key(run.seed, Stream.PROBE, run.train.step)
        return hessian_extremes(loss, run.train.params, key, steps=self.products, preconditioner=preconditioner)


@dataclass(frozen=True)
class Sharpness(_Curved):
    """The Hessian's largest eigenvalue, and gᵀHg/gᵀg along the gradient of the run's next batch.

    Full-batch gradient descent holds the first at 2/η, mini-batch training the mean of the second: see
    `jaxmlp.probes.laws.stability_edge`. Behind batch norm both fall as the weights grow: compare with
    `jaxmlp.probes.filter_preconditioner` before a conclusion.

    >>> from jaxmlp.probes import Steps
    >>> Sharpness(Steps(every=16)).table.name
    'curvature_by_step'
    """

    tables: ClassVar[Mapping[str, Table]] = CURVATURE

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: `largest_eigenvalue`, its error bound, and `batch_sharpness`, scalars."""
        ends = self._extremes(run, self._loss(run, dataset, spec, hyper))
        along = gradient_sharpness(next_loss(run, dataset, spec=spec, hyper=hyper), run.train.params)
        return memory, {
            "largest_eigenvalue": ends.largest,
            "largest_eigenvalue_error": ends.largest_error,
            "batch_sharpness": along,
        }


@dataclass(frozen=True)
class AdamSharpness(_Curved):
    """The largest eigenvalue of P⁻¹H, with P what Adam divides by (C-019, C-020).

    Full-batch Adam holds it at `jaxmlp.probes.laws.adaptive_edge`, 38/η. NaN before the first step, where Adam has no
    second moment, and for rules that are not `adam` or `adamw`.

    >>> from jaxmlp.probes import Steps
    >>> AdamSharpness(Steps(every=16)).table.name
    'adam_curvature_by_step'
    """

    tables: ClassVar[Mapping[str, Table]] = ADAM_CURVATURE

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: `preconditioned_sharpness` and its error bound, scalars."""
        params, moments = run.train.params, run.train.opt_state
        if spec.optimizer.name not in ("adam", "adamw") or not isinstance(moments, optax.ScaleByAdamState):
            nothing = jnp.asarray(jnp.nan, params[0]["weight"].dtype)
            return memory, {"preconditioned_sharpness": nothing, "preconditioned_sharpness_error": nothing}
        square = unfolded(spec.optimizer, moments.nu, params)
        # A second moment that is held is stored corrected.
        beta2 = 0.0 if spec.optimizer.hold_second_moment else hyper.beta2
        numbers = {"beta1": hyper.beta1, "beta2": beta2, "eps": hyper.adam_eps}
        preconditioner = adam_preconditioner(square, jnp.maximum(moments.count, 1), **numbers)
        ends = self._extremes(run, self._loss(run, dataset, spec, hyper), preconditioner)
        started = jnp.asarray(moments.count) > 0
        return memory, {
            "preconditioned_sharpness": jnp.where(started, ends.largest, jnp.nan),
            "preconditioned_sharpness_error": jnp.where(started, ends.largest_error, jnp.nan),
        }


def next_loss(run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> LossFunction:
    """What the run's next step goes down, as a function of the parameters: penalty, weights and masks included.

    Args:
        run: anywhere in its training.
        dataset: on the device.
        spec: the run's structure.
        hyper: the run's numbers.
    """
    batch = next_batch(run, dataset, spec=spec, hyper=hyper)
    more = {"spec": spec, "hyper": hyper, "key": batch.key, "class_weights": run.class_weights}
    return lambda params: objective(params, run.train.norm_state, batch.x, batch.labels, **more)[0]
