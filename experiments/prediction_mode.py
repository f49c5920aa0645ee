"""Must a net with dropout or batch norm be switched before it predicts? Is scaling the mean over masks? (C-118, C-119)

    python -m experiments run prediction_mode --dataset mnist --data-dir DIR --preset full

D1 says so and runs nothing. D0's net of 5 layers is trained with dropout of 0.2 after every hidden layer, or with batch
norm before every activation; each trained net is then tested as it should be, and once more as it trained: with masks
drawn, or with the statistics of the images it is shown, 64 at a time and one at a time.

For dropout's average there are nets small enough to try every mask: 12 hidden units, 4,096 masks, and outputs that are
a linear function of what is left, or its ReLU.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from experiments.lab.base import FRESH, SEED_NOISE, Experiment, Preset, tested
from experiments.lab.documents.d0 import HIDDEN_5
from experiments.lab.measured import Finished, Measurement
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, Equivalence, EveryRun, Identity, Value, final
from jaxmlp.nn import MLPSpec, apply_mlp, dropout, keep_probability_dropout
from jaxmlp.schema import Column, Table, column_of, declare
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, Hyper, Net, RunSpec

MODES = declare(
    Table("modes", keys=("arm", "mode", "seed"), columns=(column_of("test_accuracy"),), subject="mode"),
)
"""One row per trained net and mode in which it was tested."""
MASKS = declare(
    Table(
        "masks",
        keys=("form", "seed"),
        columns=(Column("gap_to_mean_over_masks", higher_is_better=False),),
        subject="form",
    )
)
"""One row per small net and form of dropout."""

RATE = 0.2
PREDICTION_MODE_ARMS = ("dropout", "batch_norm")
_UNITS, SMALL_NETS = 12, range(1000, 1200)
"""Hidden units of the small nets, and their seeds: 0 to 19 and 100 to 299 belong to rules declared before this one."""
PREDICTION_MODE_WRONG = {
    "dropout_with_masks": "dropout",
    "batch_norm_by_64": "batch_norm",
    "batch_norm_by_1": "batch_norm",
}
"""By mode, whose nets are left in it."""
MASKED = ("masks_linear", "masks_inverted_linear", "masks_relu")


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """The net with either technique."""
    widths = (dataset.train_inputs.shape[1], *HIDDEN_5, dataset.num_classes)
    data = DataSpec("random_fifth", batch_size=preset.batch_size, train_size=preset.train_size)
    specs = {
        "dropout": MLPSpec(widths, dropout="inverted"),
        "batch_norm": MLPSpec(widths, norm="batch_norm", norm_position="pre_activation"),
    }
    hyper = Hyper(dropout_rate=RATE)
    return [Arm(name, RunSpec(mlp, data=data, epochs=preset.epochs), hyper) for name, mlp in specs.items()]


@partial(jax.jit, static_argnames="size")
def wrong_mode_accuracy(net: Net, images: Array, labels: Array, key: Array, *, size: int) -> Array:
    """Accuracy in training mode, `size` images at a time; a ragged rest is left out."""
    count = len(images) // size

    def predict(batch: tuple[Array, Array]) -> Array:
        number, rows = batch
        logits, _, _ = apply_mlp(
            net.params, net.norm_state, net.preprocessed(rows), spec=net.spec.mlp, hyper=net.hyper, train=True,
            key=jax.random.fold_in(key, number),
        )  # fmt: skip
        return jnp.argmax(logits, axis=1)

    batches = images[: count * size].reshape(count, size, -1)
    predicted = jax.lax.map(predict, (jnp.arange(count), batches)).reshape(-1)
    return jnp.mean(predicted == labels[: count * size])


def _wrong_modes(finished: Finished) -> pd.DataFrame:
    """Every kept net in training mode, but for those that an earlier call measured and whose weights are gone."""
    before = finished.earlier.get(MODES.name, pd.DataFrame(columns=list(MODES.required)))
    known = set(zip(before["mode"], before["seed"], strict=True))
    images, labels = jnp.asarray(finished.dataset.test_inputs), jnp.asarray(finished.dataset.test_targets)
    rows = []
    for wrong, arm in PREDICTION_MODE_WRONG.items():
        if arm not in {one.name for one in finished.arms}:
            continue
        runs = finished.results.select(arm=arm).final()
        for seed, run_id in zip(runs["seed"], runs["run_id"], strict=True):
            if run_id not in finished.results.nets and (wrong, seed) in known:
                continue
            net, key = finished.results.nets.get(run_id), jax.random.key(int(seed))
            size = 1 if wrong.endswith("_by_1") else 64
            accuracy = float(wrong_mode_accuracy(net, images, labels, key, size=size))
            rows.append({"arm": arm, "mode": wrong, "seed": seed, "test_accuracy": accuracy})
    return pd.DataFrame(rows, columns=list(MODES.required))


def mask_gaps(seed: int, rate: float = RATE) -> dict[str, float]:
    """How far the scaled net is from the mean over all masks, by the mean's norm; of one small net.

    Args:
        seed: draws inputs [64, 8], and weights [UNITS, 8] and [4, UNITS] of He's size.
        rate: the share of units that is dropped, the same for both forms (A-14).
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 8))
    hidden = np.maximum(x @ rng.normal(size=(_UNITS, 8)).T * np.sqrt(2 / 8), 0)
    weight = rng.normal(size=(4, _UNITS)) * np.sqrt(2 / _UNITS)
    masks = (np.arange(2**_UNITS)[:, None] >> np.arange(_UNITS)) & 1
    kept = masks.sum(1)
    chances = (1 - rate) ** kept * rate ** (_UNITS - kept)

    def mean(act, scale: float) -> np.ndarray:
        """Over masks, of act(W (mask ∘ hidden) · scale)."""
        return np.stack([chances @ act((masks * (one * scale)) @ weight.T) for one in hidden])

    def gap(predicted: np.ndarray, average: np.ndarray) -> float:
        return float(np.linalg.norm(predicted - average) / np.linalg.norm(average))

    def relu(y: np.ndarray) -> np.ndarray:
        return np.maximum(y, 0)

    scaled = np.asarray(keep_probability_dropout(None, jnp.asarray(hidden, jnp.float32), rate))
    inverted = np.asarray(dropout(None, jnp.asarray(hidden, jnp.float32), rate))
    return {
        "masks_linear": gap(scaled @ weight.T, mean(lambda y: y, 1.0)),
        "masks_inverted_linear": gap(inverted @ weight.T, mean(lambda y: y, 1 / (1 - rate))),
        "masks_relu": gap(relu(scaled @ weight.T), mean(relu, 1.0)),
    }


def _all_masks() -> pd.DataFrame:
    gaps = [(seed, mask_gaps(seed)) for seed in SMALL_NETS]
    return pd.DataFrame(
        [{"form": form, "seed": seed, "gap_to_mean_over_masks": gap} for seed, of in gaps for form, gap in of.items()]
    )


def _measure(finished: Finished) -> dict[str, pd.DataFrame]:
    return {MODES.name: _wrong_modes(finished), MASKS.name: _all_masks()}


def _gap(form: str) -> Value:
    return Value(form, final("gap_to_mean_over_masks"), MASKS.name)


def _left_in(mode: str) -> Value:
    return Value(mode, final("test_accuracy"), MODES.name)


PREDICTION_MODE_CLAIMS = (
    # Exact where the output is linear in the masks, in both forms; behind a ReLU an approximation.
    Claim(
        "C-118",
        (
            Identity(_gap("masks_linear"), 0.0, tolerance=1e-5),
            Identity(_gap("masks_inverted_linear"), 0.0, tolerance=1e-5),
            Equivalence(_gap("masks_relu"), 0.0, margin=0.125, unit="of the mean", expected=0.1),
        ),
        planned_n=200,
        first_seed=FRESH,
        margin_reason="Without any scaling the sum is off by 1/(1 - 0.2) - 1, a quarter of the mean: with it, by less "
        "than half of that. Where it is exact, by what float32 leaves.",
    ),
    # "Must": in the wrong mode it loses more than seeds differ by, 0.3 points.
    Claim(
        "C-119",
        tuple(
            Difference(
                tested(right),
                _left_in(wrong),
                margin=0.003,
                level=wrong.replace("_", " "),
                # Of one image there are no statistics: every image looks alike.
                expected=0.5 if wrong.endswith("_by_1") else None,
            )
            for wrong, right in PREDICTION_MODE_WRONG.items()
        ),
        planned_n=10,
        margin_reason=SEED_NOISE,
        factor="what is left in training mode",
    ),
)

PREDICTION_MODE_EXPERIMENT = Experiment(
    name="prediction_mode",
    question="Must a net with dropout or batch norm be switched before it predicts?",
    ledger=(),
    presets={
        "quick": Preset(seeds=10, epochs=10, batch_size=8),
        "full": Preset(seeds=10, epochs=10, batch_size=64),
    },
    arms=_arms,
    claims=PREDICTION_MODE_CLAIMS,
    figures=(
        EveryRun("test_accuracy", (*PREDICTION_MODE_ARMS, *PREDICTION_MODE_WRONG), tables=("epochs", MODES.name)),
        CompareArms(PREDICTION_MODE_ARMS, "val_accuracy"),
    ),
    measured=Measurement({MODES.name: tuple(PREDICTION_MODE_WRONG), MASKS.name: MASKED}, _measure, needs_nets=True),
)
