"""What the starts that D1 forbids look like after some updates: do zeros stay zeros, and units that are alike, alike?

D0's net on the study's images, by plain SGD, momentum and Adam, which treat equal gradients alike, and by Adam with
dropout, which gives units of a layer different ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from experiments.lab.documents.d0 import HIDDEN_5
from experiments.lab.measured import Finished, Measurement
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec, Params, init_mlp
from jaxmlp.schema import Column, Table, declare
from jaxmlp.training import DataSpec, Hyper, OptimizerSpec, RunSpec, start_run, train_epoch

AFTER_UPDATES = declare(
    Table(
        "forbidden",
        keys=("case", "seed"),
        columns=(Column("largest_weight"), Column("largest_difference")),
        subject="case",
    )
)
"""One row per net; a case is a start and the rule of the updates after it. Each has one of the two numbers."""

_STEPS, FORBIDDEN_SEEDS = 50, range(1000, 1012)
"""Updates, and the seeds of the starts: the first ten, 0 to 9, belong to rules that have been declared anew."""
RULES = ("sgd", "momentum", "adam")
ZEROS, ALIKE = (tuple(f"{start}_after_{rule}" for rule in RULES) for start in ("zeros", "symmetric"))
WITH_DROPOUT = "symmetric_dropout_after_adam"


def largest_weight(params: Params) -> float:
    """The largest absolute value of all parameters but the last layer's bias."""
    weights = [layer["weight"] for layer in params] + [layer["bias"] for layer in params[:-1]]
    return max(float(np.max(np.abs(one))) for one in weights)


def largest_difference(params: Params) -> float:
    """Between units of a hidden layer, in weights and biases, over the largest weight of the layer; the worst."""
    return max(
        float(np.max(np.abs(one - one[:1])) / np.max(np.abs(layer["weight"])))
        for layer in params[:-1]
        for one in (layer["weight"], layer["bias"])
    )


def _nets_after_updates(
    rule: str, dropout: str, arms: Mapping[str, str], dataset: Dataset, seeds: Sequence[int], hidden: tuple[int, ...]
) -> dict[str, list[Params]]:
    """The parameters of one net per seed of every arm after `_STEPS` updates; `arms` are initializers by arm."""
    widths = (dataset.train_inputs.shape[1], *hidden, dataset.num_classes)
    size = min(64, dataset.train_inputs.shape[0] // (2 * _STEPS))
    data, optimizer = DataSpec("random_fifth", batch_size=size), OptimizerSpec(rule)
    spec = RunSpec(MLPSpec(widths, dropout=dropout), data=data, optimizer=optimizer, epochs=1)
    hyper = Hyper(learning_rate=1e-3 if rule == "adam" else 1e-1, momentum=0.9, dropout_rate=0.2)

    @jax.jit
    def update(params: Params, seed: Array, dataset: Dataset) -> Params:
        run = start_run(seed, dataset, spec=spec, hyper=hyper)
        run = run.replace(train=run.train.replace(params=params))  # no optimizer's state starts from the parameters
        return train_epoch(run, dataset, spec=spec, hyper=hyper, epoch=1, count=_STEPS).train.params

    def start(initializer: str, seed: int) -> Params:
        return init_mlp(jax.random.key(seed), replace(spec.mlp, initializer=initializer), hyper)[0]

    return {
        arm: [update(start(initializer, seed), jnp.asarray(seed), dataset) for seed in seeds]
        for arm, initializer in arms.items()
    }


def nets_of_forbidden_starts(seeds: Sequence[int], hidden: tuple[int, ...]) -> Measurement:
    """The table of the nets with these hidden layers, one net for each case and seed."""

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        sized = {"dataset": jax.device_put(finished.dataset), "seeds": seeds, "hidden": hidden}
        nets = _nets_after_updates("adam", "inverted", {WITH_DROPOUT: "symmetric"}, **sized)
        for rule, zeros, alike in zip(RULES, ZEROS, ALIKE, strict=True):
            nets |= _nets_after_updates(rule, "none", {zeros: "zeros", alike: "symmetric"}, **sized)
        measures = dict.fromkeys(nets, largest_difference) | dict.fromkeys(ZEROS, largest_weight)
        rows = [
            {"case": case, "seed": seed, measures[case].__name__: measures[case](net)}
            for case, of in nets.items()
            for seed, net in zip(seeds, of, strict=True)
        ]
        return {AFTER_UPDATES.name: pd.DataFrame(rows)}

    return Measurement({AFTER_UPDATES.name: (*ZEROS, *ALIKE, WITH_DROPOUT)}, make)


FORBIDDEN = nets_of_forbidden_starts(FORBIDDEN_SEEDS, HIDDEN_5)
