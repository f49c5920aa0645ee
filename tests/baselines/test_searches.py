"""S-083, S-109: the best of n draws; points on a logarithmic scale, at random, coarse to fine and on a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from jaxmlp.baselines import (
    SearchResult,
    linear_objective,
    log_grid_search,
    log_random_search,
    random_search,
    train_linear_classifier,
)
from jaxmlp.data import load
from jaxmlp.errors import InputError

RANGES = {"learning_rate": (1e-4, 1.0), "l2": (1e-6, 1e-2)}


def digits(count):
    images = load("digits")
    return np.asarray(images.train_inputs[:count], np.float32) / 255, images.train_targets[:count]


def draw_weights(draws, seed=0, scale=0.1, **changed):
    x, labels = digits(100)
    given = {"x": x, "labels": labels, "num_classes": 10, "loss": "svm", "draws": draws, "scale": scale} | changed
    return jax.device_get(random_search(jax.random.key(seed), **given))


def test_random_search_keeps_the_best_of_its_draws():
    best, values = draw_weights(100)
    assert values.shape == (100,)
    assert values.min() < values[0]
    x, labels = digits(100)
    objective = jax.jit(linear_objective, static_argnames="loss")
    np.testing.assert_allclose(objective(best, x, labels, loss="svm"), values.min(), rtol=1e-5)


def test_more_draws_keep_the_first_ones_and_other_seeds_do_not():
    few, many, other = draw_weights(5)[1], draw_weights(100)[1], draw_weights(5, seed=1)[1]
    np.testing.assert_array_equal(few, many[:5])
    assert (few != other).all()


def test_weights_are_normal_of_the_given_scale():
    best, _ = draw_weights(1, scale=0.2, x=np.zeros((100, 2000), np.float32))
    assert kstest(np.ravel(best["weight"]), "norm", args=(0, 0.2)).pvalue > 0.01
    assert not best["bias"].any()


def test_descent_beats_random_search_at_equal_evaluations():
    x, labels = digits(100)
    _, drawn = draw_weights(100)
    start = {"weight": np.zeros((10, 64), np.float32), "bias": np.zeros(10, np.float32)}
    _, descended = train_linear_classifier(start, x, labels, loss="svm", learning_rate=0.1, steps=100)
    assert drawn.min() > 5 > 1 > np.min(descended)


def test_random_points_are_log_uniform_and_seeded():
    evaluate = lambda points: -jnp.abs(jnp.log10(points["learning_rate"]))
    search = jax.jit(lambda key: log_random_search(key, evaluate, RANGES, budget=2000))
    result, again, other = (search(jax.random.key(seed)) for seed in (0, 0, 1))
    for name, (low, high) in RANGES.items():
        position = np.log(np.asarray(result.points[name]) / low) / np.log(high / low)
        assert kstest(position, "uniform").pvalue > 0.01
    np.testing.assert_array_equal(result.points["l2"], again.points["l2"])
    assert np.all(np.asarray(result.points["l2"]) != np.asarray(other.points["l2"]))


def test_the_best_point_is_the_one_of_the_highest_score_and_never_a_failed_run():
    def evaluate(points):
        return jnp.where(points["learning_rate"] > 0.1, jnp.nan, points["learning_rate"])

    search = jax.jit(lambda key: log_random_search(key, evaluate, RANGES, budget=64))
    result = search(jax.random.key(0))
    point, score = jax.device_get(jax.jit(SearchResult.best)(result))
    result = jax.device_get(result)
    assert np.isnan(result.scores).any()
    assert score == np.nanmax(result.scores) == point["learning_rate"]
    i = int(np.nanargmax(result.scores))
    assert point["l2"] == result.points["l2"][i]


def peak(points):
    """Highest at learning rate 10^-2.7 and at l2 10^-6, the edge of its range."""
    rate, l2 = jnp.log10(points["learning_rate"]), jnp.log10(points["l2"])
    return -jnp.square(rate + 2.7) - jnp.square(l2 + 6.0)


def test_finer_rounds_close_in_on_the_best():
    seen = []

    def evaluate(points):
        seen.append(jax.device_get(points))  # outside of any jit: as a study would be run
        return jax.jit(peak)(points)

    result = log_random_search(jax.random.key(0), evaluate, RANGES, budget=60, rounds=3, shrink=0.25)
    result = jax.device_get(result)
    assert (len(seen), result.scores.shape) == (3, (60,))
    for name in RANGES:
        spans = [np.ptp(np.log10(points[name])) for points in seen]
        assert np.all(np.array(spans) <= [4, 1, 0.25])
        assert spans[0] > 2.5
    for r in (1, 2):  # the box is around the best of all points so far
        best = int(np.argmax(result.scores[: 20 * r]))
        distance = np.abs(np.log10(seen[r]["learning_rate"] / result.points["learning_rate"][best]))
        assert distance.max() <= 4 * 0.25**r / 2 + 1e-5


@pytest.mark.parametrize(("sign", "edge"), [(-1, 1e-6), (1, 1e-2)])
def test_boxes_around_a_best_at_the_edge_stay_in_the_ranges(sign, edge):
    ranges = {"l2": RANGES["l2"]}
    search = jax.jit(lambda key: log_random_search(key, lambda p: sign * p["l2"], ranges, budget=60, rounds=3).points)
    values = np.asarray(search(jax.random.key(0))["l2"])
    assert 1e-6 * (1 - 1e-5) <= values.min() <= values.max() <= 1e-2 * (1 + 1e-5)
    np.testing.assert_allclose(np.median(values[40:]), edge, rtol=0.5)


def best_scores(rounds):
    """Best of 48 for 100 seeds, in one program."""
    search = lambda key: log_random_search(key, peak, RANGES, budget=48, rounds=rounds).best()[1]
    return np.asarray(jax.jit(lambda key: jax.vmap(search)(jax.random.split(key, 100)))(jax.random.key(5)))


def test_coarse_to_fine_beats_one_round_and_runs_under_jit_and_vmap():
    assert np.median(best_scores(3)) > 0.5 * np.median(best_scores(1))  # both negative: less than half the loss


@pytest.mark.parametrize(("ranges", "budget", "per_axis"), [(RANGES, 16, 4), (RANGES, 64, 8), ({"a": (1, 8)}, 4, 4)])
def test_grid_is_even_on_the_log_scale_with_the_ends(ranges, budget, per_axis):
    search = jax.jit(lambda: log_grid_search(lambda points: next(iter(points.values())), ranges, budget=budget))
    result = jax.device_get(search())
    for name, (low, high) in ranges.items():
        np.testing.assert_allclose(np.unique(result.points[name]), np.geomspace(low, high, per_axis), rtol=1e-5)
    assert len(set(zip(*(values.tolist() for values in result.points.values()), strict=True))) == budget
    np.testing.assert_allclose(result.scores.max(), next(iter(ranges.values()))[1], rtol=1e-5)


RANDOM = lambda evaluate=peak, ranges=RANGES, **given: log_random_search(jax.random.key(0), evaluate, ranges, **given)
GRID = lambda evaluate=peak, ranges=RANGES, **given: log_grid_search(evaluate, ranges, **given)


@pytest.mark.parametrize(
    ("search", "given", "message"),
    [
        (RANDOM, {"budget": 10, "rounds": 3}, r"budget 10 in 3 rounds: give .* a multiple"),
        (RANDOM, {"budget": 0}, r"budget 0 in 1 rounds"),
        (RANDOM, {"budget": 4, "shrink": 0.0}, r"shrink is 0.0: give a number above 0 and at most 1"),
        (RANDOM, {"budget": 4, "ranges": {"l2": (0.0, 1.0)}}, r"range of l2 is \(0, 1\): give 0 < low < high"),
        (RANDOM, {"budget": 4, "ranges": {}}, r"no ranges: give"),
        (RANDOM, {"budget": 4, "evaluate": lambda points: 0.5}, r"scores of shape \(\) for points of shape \(4,\)"),
        (GRID, {"budget": 15}, r"budget 15 for a grid of 2 hyperparameters: give 2, 3, 4 ... to the power 2"),
        (GRID, {"budget": 1}, r"budget 1 for a grid"),
        (GRID, {"budget": 4, "ranges": {"l2": (2.0, 1.0)}}, r"range of l2 is \(2, 1\)"),
        (draw_weights, {"draws": 0}, r"draws is 0: give a positive number"),
        (draw_weights, {"draws": 2, "loss": "hinge"}, r"unknown loss 'hinge': choose one of svm, softmax"),
        (draw_weights, {"draws": 2, "labels": np.zeros(3, np.int32)}, r"x \(100, 64\) and labels \(3,\)"),
    ],
)
def test_bad_input_is_one_line(search, given, message):
    with pytest.raises(InputError, match=rf"\A[^\n]*{message}[^\n]*\Z"):
        search(**given)
