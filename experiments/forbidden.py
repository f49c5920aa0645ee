"""What the starts that D1 forbids look like after some updates: do zeros stay zeros, and units that are alike, alike?

D0's net on the study's images, by plain SGD, momentum and Adam, which treat equal gradients alike, and by Adam with
dropout, which gives units of a layer different ones.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import pandas as pd
from jax import Array

from experiments.measured import Finished, Measurement
from experiments.nets import HIDDEN_5
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec, Params
from jaxmlp.training import DataSpec, Hyper, OptimizerSpec, RunSpec, start_run, train_epoch

STEPS, SEEDS = 50, 10
ZEROS = tuple(f"zeros_after_{rule}" for rule in ("sgd", "momentum", "adam"))
ALIKE = tuple(f"symmetric_after_{rule}" for rule in ("sgd", "momentum", "adam"))
WITH_DROPOUT = "symmetric_dropout_after_adam"


def largest_weight(params: Params) -> Array:
    """The largest absolute value of all parameters but the last layer's bias."""
    weights = [layer["weight"] for layer in params] + [layer["bias"] for layer in params[:-1]]
    return jnp.max(jnp.stack([jnp.max(jnp.abs(one)) for one in weights]))


def largest_difference(params: Params) -> Array:
    """Between units of a hidden layer, in weights and biases, over the largest weight of the layer; the worst."""
    worst = [
        jnp.max(jnp.abs(one - one[:1])) / jnp.max(jnp.abs(layer["weight"]))
        for layer in params[:-1]
        for one in (layer["weight"], layer["bias"])
    ]
    return jnp.max(jnp.stack(worst))


def _after_updates(arm: str, dataset: Dataset, measure: Callable[[Params], Array]) -> list[float]:
    """`measure` of the arm's nets after `STEPS` updates, one number per seed."""
    start, _, rule = arm.partition("_after_")
    initializer, _, dropout = start.partition("_")
    widths = (dataset.train_images.shape[1], *HIDDEN_5, dataset.num_classes)
    mlp = MLPSpec(widths, initializer=initializer, dropout="inverted" if dropout else "none")
    size = min(64, dataset.train_images.shape[0] // (2 * STEPS))
    data = DataSpec("random_fifth", batch_size=size)
    spec = RunSpec(mlp, data=data, optimizer=OptimizerSpec(rule), epochs=1)
    hyper = Hyper(learning_rate=1e-3 if rule == "adam" else 1e-1, momentum=0.9, dropout_rate=0.2)

    @jax.jit
    def run(seed: Array, dataset: Dataset) -> Array:
        begun = start_run(seed, dataset, spec=spec, hyper=hyper)
        trained = train_epoch(begun, dataset, spec=spec, hyper=hyper, epoch=1, count=STEPS)
        return measure(trained.train.params)

    return [float(run(jnp.asarray(seed), dataset)) for seed in range(SEEDS)]


def measure_forbidden(finished: Finished) -> pd.DataFrame:
    """One row per arm and seed."""
    dataset = jax.device_put(finished.dataset)
    numbers = dict.fromkeys(ZEROS, ("largest_weight", largest_weight))
    numbers |= dict.fromkeys((*ALIKE, WITH_DROPOUT), ("largest_difference", largest_difference))
    rows = [
        {"arm": arm, "seed": seed, "epoch": 0, column: number}
        for arm, (column, measure) in numbers.items()
        for seed, number in enumerate(_after_updates(arm, dataset, measure))
    ]
    return pd.DataFrame(rows)


FORBIDDEN = Measurement((*ZEROS, *ALIKE, WITH_DROPOUT), measure_forbidden)
