"""R² and class weights against scikit-learn, and which of accuracy and R² a loss is scored by."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import r2_score as sklearn_r2
from sklearn.utils.class_weight import compute_class_weight

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.training import (
    DataSpec,
    EvalSpec,
    Hyper,
    LossSpec,
    Net,
    RunSpec,
    balanced_weights,
    check_task,
    evaluate,
    outputs_of,
    r2_score,
)
from jaxmlp.training.score import LOWEST_R2, score_of

RNG = np.random.default_rng(0)
TARGETS = RNG.normal(size=(50, 3)) * [1.0, 100.0, 0.01] + [0.0, 1000.0, 5.0]
OUTPUTS = TARGETS + RNG.normal(size=(50, 3)) * [0.5, 200.0, 0.001]


@pytest.mark.parametrize("columns", [slice(0, 1), slice(1, 2), slice(None)])
def test_r2_is_scikit_learn_s(x64, columns):
    targets, outputs = TARGETS[:, columns], OUTPUTS[:, columns]
    assert float(r2_score(jnp.asarray(outputs), jnp.asarray(targets))) == pytest.approx(sklearn_r2(targets, outputs))


@pytest.mark.parametrize("miss", [0.0, 0.1])
def test_targets_that_do_not_vary_have_1_or_0(x64, miss):
    targets = np.full((4, 1), 3.0)
    outputs = targets + np.array([[miss], [0.0], [0.0], [0.0]])
    assert float(r2_score(jnp.asarray(outputs), jnp.asarray(targets[:, 0]))) == sklearn_r2(targets, outputs)


def test_r2_is_a_finite_number_whatever_the_net_gives():
    targets = jnp.asarray([[1.0], [2.0]])
    assert float(r2_score(jnp.full((2, 1), jnp.nan), targets)) == 0.0
    assert float(r2_score(jnp.full((2, 1), jnp.inf), targets)) == pytest.approx(LOWEST_R2)
    assert float(r2_score(jnp.full((2, 1), jnp.inf), jnp.ones((2, 1)))) == 0.0


@pytest.mark.parametrize("counts", [(3, 3), (1, 5, 14), (30, 1)])
def test_balanced_weights_are_scikit_learn_s(x64, counts):
    labels = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    weights = balanced_weights(jnp.asarray(labels), len(counts))
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.unique(labels), y=labels))
    assert float(jnp.mean(weights[labels])) == pytest.approx(1.0)


def test_a_class_without_an_example_weighs_nothing(x64):
    labels = jnp.asarray([0, 2, 2, 2])
    np.testing.assert_allclose(balanced_weights(labels, 4), [2.0, 0.0, 2 / 3, 0.0])


def spec_of(loss, widths=(4, 5, 3), **options):
    return RunSpec(MLPSpec(widths, **options), loss=LossSpec(loss), evaluation=EvalSpec(batch_size=16))


@pytest.mark.parametrize("norm_stats", ["running", "batch"])
def test_evaluate_scores_numbers_by_r2_over_all_pieces(x64, norm_stats):
    """50 rows in pieces of 16 with a ragged one: the loss is the mean, R² that of all rows at once."""
    spec, hyper = spec_of("squared_error"), Hyper()
    spec = replace(spec, data=DataSpec(preprocessing="none", batch_size=50))
    params, state = init_mlp(jax.random.key(0), spec.mlp, hyper)
    points, index = jnp.asarray(RNG.normal(size=(60, 4))), jnp.arange(3, 53, dtype=jnp.int32)
    targets = jnp.asarray(np.concatenate([TARGETS, TARGETS[:10]]))
    spec = RunSpec(
        spec.mlp, loss=spec.loss, evaluation=spec.evaluation, data=DataSpec(preprocessing="none", batch_size=50)
    )
    loss, score = evaluate(Net(params, state, (), hyper, spec), points, targets, index, norm_stats=norm_stats)
    x = np.asarray(points)[3:53]
    hidden = np.maximum(x @ np.asarray(params[0]["weight"]).T + np.asarray(params[0]["bias"]), 0)
    outputs = hidden @ np.asarray(params[1]["weight"]).T + np.asarray(params[1]["bias"])
    wanted = np.asarray(targets)[3:53]
    assert float(loss) == pytest.approx(((outputs - wanted) ** 2).mean(), rel=1e-9)
    assert float(score) == pytest.approx(sklearn_r2(wanted, outputs), rel=1e-9)


def test_a_single_output_is_scored_by_its_side_of_the_middle():
    spec = spec_of("binary_cross_entropy", (4, 5, 1))
    outputs, labels = jnp.asarray([[-1.0], [2.0], [0.3], [-4.0]]), jnp.asarray([0, 1, 0, 1])
    assert float(score_of(outputs, labels, spec)) == 0.5
    squashed = spec_of("binary_cross_entropy", (4, 5, 1), output="sigmoid")
    assert float(score_of(jax.nn.sigmoid(outputs), labels, squashed)) == 0.5


def dataset_of(labels, num_classes=2):
    points = np.zeros((len(labels), 4), np.float32)
    return Dataset(points, labels, points, labels, name="made up", num_classes=num_classes, image_shape=())


CLASSES, NUMBERS = np.zeros(6, np.int32), np.zeros((6, 3), np.float32)


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        (
            "squared_error",
            CLASSES,
            "loss 'squared_error' predicts numbers, but the targets of made up are classes",
        ),
        (
            "cross_entropy",
            NUMBERS,
            "predicts classes, but the targets of made up are numbers: choose one of squared",
        ),
    ],
)
def test_a_loss_about_other_targets_is_refused(loss, labels, message):
    with pytest.raises(InputError, match=message):
        check_task(spec_of(loss), dataset_of(labels))
    check_task(spec_of("squared_error"), dataset_of(NUMBERS))
    check_task(spec_of("hinge"), dataset_of(CLASSES))


def test_how_many_outputs_a_net_may_have():
    assert outputs_of(spec_of("cross_entropy"), dataset_of(CLASSES)) == (2,)
    assert outputs_of(spec_of("binary_cross_entropy"), dataset_of(CLASSES)) == (2, 1)
    assert outputs_of(spec_of("binary_cross_entropy"), dataset_of(CLASSES, 3)) == (3,)
    assert outputs_of(spec_of("absolute_error"), dataset_of(NUMBERS)) == (3,)
    assert outputs_of(spec_of("absolute_error"), dataset_of(NUMBERS[:, 0])) == (1,)


def test_numbers_have_no_class_weights():
    with pytest.raises(InputError, match="class weights, and loss 'squared_error' is about numbers: leave"):
        LossSpec("squared_error", class_weights="balanced")
    with pytest.raises(InputError, match="unknown class weights 'even': choose one of none, balanced"):
        LossSpec(class_weights="even")
