"""S-063, S-083, S-105: gradient descent step by step in NumPy, scikit-learn's optimum, mini-batches, C-407."""

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from jaxmlp.baselines import LINEAR_LOSSES, linear_classify, linear_objective, minibatches, train_linear_classifier
from jaxmlp.data import load
from jaxmlp.errors import InputError


def digits(count, dtype=np.float64):
    images = load("digits")
    labels = np.asarray(images.train_targets[:count], np.int64 if dtype == np.float64 else np.int32)
    return np.asarray(images.train_inputs[:count], dtype) / 255, labels


def zeros(num_inputs, num_classes, dtype=np.float32):
    return {"weight": np.zeros((num_classes, num_inputs), dtype), "bias": np.zeros(num_classes, dtype)}


objective = jax.jit(linear_objective, static_argnames="loss")
draw = jax.jit(minibatches, static_argnames=("num_examples", "batch_size", "steps"))


def numpy_objective_and_subgradient(weight, bias, x, labels, loss, l2):
    """One example at a time, as D4 writes the losses."""
    total, d_weight, d_bias = l2 * np.sum(weight**2), 2 * l2 * weight, np.zeros_like(bias)
    for row, t in zip(x, labels, strict=True):
        s = weight @ row + bias
        if loss == "svm":
            violated = (s - s[t] + 1 > 0) & (np.arange(len(s)) != t)
            value, g = np.sum((s - s[t] + 1)[violated]), violated.astype(float)
            g[t] = -violated.sum()
        else:
            p = np.exp(s) / np.exp(s).sum()
            value, g = -np.log(p[t]), p - np.eye(len(s))[t]
        total += value / len(x)
        d_weight, d_bias = d_weight + np.outer(g, row) / len(x), d_bias + g / len(x)
    return total, d_weight, d_bias


@pytest.mark.parametrize("loss", LINEAR_LOSSES)
def test_full_batch_descent_is_numpy_s_step_by_step(x64, loss):
    x, labels = digits(40)
    params, values = train_linear_classifier(
        zeros(64, 10, x.dtype), x, labels, loss=loss, learning_rate=0.3, steps=12, l2=0.01
    )
    weight, bias = np.zeros((10, 64)), np.zeros(10)
    for value in np.asarray(values):
        expected, d_weight, d_bias = numpy_objective_and_subgradient(weight, bias, x, labels, loss, 0.01)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        weight, bias = weight - 0.3 * d_weight, bias - 0.3 * d_bias
    np.testing.assert_allclose(params["weight"], weight, atol=1e-12)
    np.testing.assert_allclose(params["bias"], bias, atol=1e-12)


def test_softmax_descends_to_scikit_learn_s_optimum(x64):
    x, labels = digits(200)
    l2 = 0.05
    params, values = train_linear_classifier(
        zeros(64, 10, x.dtype), x, labels, loss="softmax", learning_rate=1.0, steps=2000, l2=l2
    )
    # Their objective is the sum of the losses times C, plus half the squared weights.
    theirs = LogisticRegression(C=1 / (2 * l2 * len(x)), tol=1e-10, max_iter=5000).fit(x, labels)
    np.testing.assert_allclose(params["weight"], theirs.coef_, atol=2e-5)
    bias = np.asarray(params["bias"])
    np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=2e-4)
    np.testing.assert_array_equal(linear_classify(params, x), theirs.predict(x))
    assert np.all(np.diff(np.asarray(values)) <= 1e-12)


@pytest.mark.parametrize(("loss", "value"), [("svm", 9.0), ("softmax", np.log(10))])
def test_equal_scores_cost_the_textbook_s_first_loss_and_penalties_add_to_it(loss, value):
    x, labels = digits(30, np.float32)
    np.testing.assert_allclose(objective(zeros(64, 10), x, labels, loss=loss), value, rtol=1e-6)
    same_rows = {
        "weight": np.full((10, 64), -0.5, np.float32),
        "bias": np.ones(10, np.float32),
    }  # bias free, 640 weights of size ½
    penalized = objective(same_rows, x, labels, loss=loss, l2=0.1, l1=0.01)
    np.testing.assert_allclose(penalized, value + 0.1 * 160 + 0.01 * 320, rtol=1e-6)


def test_the_svm_descends_to_scikit_learn_s_optimum_for_two_classes(x64):
    """Their machine has one row w and ½‖w‖²: ours has ±w/2, the same margin, and half that penalty for the pair."""
    x, labels = digits(200)
    x, labels = x[labels < 2], labels[labels < 2]
    x = x + np.random.default_rng(0).normal(scale=0.4, size=x.shape)  # so that not every margin can be met
    l2 = 0.05
    _, values = train_linear_classifier(
        zeros(64, 2, x.dtype), x, labels, loss="svm", learning_rate=0.02, steps=4000, l2=l2
    )
    theirs = SVC(kernel="linear", C=1 / (l2 * len(x)), tol=1e-8).fit(x, labels)
    pair = {"weight": np.concatenate([-theirs.coef_, theirs.coef_]) / 2}
    pair["bias"] = np.concatenate([-theirs.intercept_, theirs.intercept_]) / 2
    best = float(objective(pair, x, labels, loss="svm", l2=l2))
    assert best - 1e-7 < float(np.min(values)) < best + 1e-3


def test_an_l1_penalty_leaves_weights_of_pixels_that_say_nothing_at_0():
    x, labels = digits(60, np.float32)
    silent = x.max(axis=0) == 0
    params, _ = train_linear_classifier(zeros(64, 10), x, labels, loss="softmax", learning_rate=0.1, steps=7, l1=0.01)
    assert silent.sum() > 5
    assert (np.asarray(params["weight"])[:, silent] == 0).all()


def test_scaled_weights_keep_the_svm_loss_once_margins_are_met_and_never_the_softmax_loss():
    x, labels = digits(30, np.float32)
    start = zeros(64, 10)
    params, _ = train_linear_classifier(start, x, labels, loss="svm", learning_rate=0.1, steps=500)
    params = jax.device_get(params)
    scaled = {name: 3 * values for name, values in params.items()}
    assert objective(params, x, labels, loss="svm") == 0 == objective(scaled, x, labels, loss="svm")
    softmax = [float(objective(p, x, labels, loss="softmax")) for p in (params, scaled)]
    assert 0 < softmax[1] < 0.9 * softmax[0]


def test_an_epoch_of_minibatches_has_every_example_once_and_epochs_differ():
    index = np.asarray(draw(jax.random.key(3), 23, 5, 9))  # 4 batches of 23 examples, three are dropped
    assert index.shape == (9, 5)
    first, second = index[:4].ravel(), index[4:8].ravel()
    for epoch in (first, second):
        assert len(set(epoch)) == 20
        assert set(epoch) <= set(range(23))
    assert (first != second).any()
    np.testing.assert_array_equal(index[:2], draw(jax.random.key(3), 23, 5, 2))  # more steps keep the first


def test_minibatch_descent_follows_its_batches(x64):
    x, labels = digits(23)
    key = jax.random.key(1)
    params, values = train_linear_classifier(
        zeros(64, 10, x.dtype), x, labels, loss="svm", learning_rate=0.1, steps=9, l2=0.0, batch_size=5, key=key
    )
    weight, bias = np.zeros((10, 64)), np.zeros(10)
    for value, batch in zip(np.asarray(values), np.asarray(draw(key, 23, 5, 9)), strict=True):
        expected, d_weight, d_bias = numpy_objective_and_subgradient(weight, bias, x[batch], labels[batch], "svm", 0.0)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        weight, bias = weight - 0.1 * d_weight, bias - 0.1 * d_bias
    np.testing.assert_allclose(params["weight"], weight, atol=1e-12)


def test_digits_are_learned_from_minibatches():
    images = load("digits")
    x, test = (np.asarray(part, np.float32) / 255 for part in (images.train_inputs, images.test_inputs))
    batches = {"batch_size": 64, "key": jax.random.key(0)}
    params, _ = train_linear_classifier(
        zeros(64, 10), x, images.train_targets, loss="svm", learning_rate=0.1, steps=1000, l2=1e-3, **batches
    )
    assert np.mean(np.asarray(linear_classify(params, test)) == images.test_targets) > 0.93


def test_numbers_are_traced_and_lanes_are_independent():
    x, labels = digits(30, np.float32)
    traces = []

    @jax.jit
    @jax.vmap
    def final(rate, l2, l1):
        traces.append(None)
        train = train_linear_classifier
        return train(zeros(64, 10), x, labels, loss="softmax", learning_rate=rate, steps=5, l2=l2, l1=l1)[1][-1]

    numbers = lambda *values: np.array(values, np.float32)
    lanes = np.asarray(final(numbers(0.1, 0.5), numbers(0.0, 0.1), numbers(0.01, 0.0)))
    other = np.asarray(final(numbers(0.5, 0.2), numbers(0.1, 0.0), numbers(0.0, 0.0)))
    assert len(traces) == 1
    np.testing.assert_allclose(lanes[1], other[0], rtol=1e-6)
    assert lanes[0] != other[1]


X, LABELS = np.zeros((6, 3), np.float32), np.zeros(6, np.int32)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": "hinge"}, r"unknown loss 'hinge': choose one of svm, softmax"),
        ({"labels": LABELS[:5]}, r"x \(6, 3\) and labels \(5,\): give \[N, I\] and one label for each row"),
        ({"x": np.zeros((6, 3), np.uint8)}, r"x of uint8 and labels of int32: give preprocessed floats"),
        ({"x": np.zeros((6, 4), np.float32)}, r"weight \(2, 3\) and x \(6, 4\): give .* with the same I"),
        ({"steps": 0}, r"steps is 0: give a positive number"),
        ({"batch_size": 2}, r"mini-batches need both batch_size and key"),
        ({"key": jax.random.key(0)}, r"mini-batches need both batch_size and key"),
        ({"batch_size": 7, "key": jax.random.key(0)}, r"batch size is 7 of 6 examples: give 1 to 6"),
    ],
)
def test_bad_input_is_one_line(changed, message):
    given = {"params": zeros(3, 2), "x": X, "labels": LABELS, "loss": "svm", "learning_rate": 0.1, "steps": 3} | changed
    with pytest.raises(InputError, match=rf"\A[^\n]*{message}[^\n]*\Z"):
        train_linear_classifier(**given)
