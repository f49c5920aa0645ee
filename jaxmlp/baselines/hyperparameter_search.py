"""Searching hyperparameters on a logarithmic scale: at random, coarse to fine, or on a grid (S-109, C-419).

A learning rate acts by its ratio, so it is searched by its logarithm: with range [low, high] and position u in
[0, 1], the value is low (high/low)^u. A search is a set of positions; scores come from `evaluate`, which gets all the
points of a round at once and may vmap over them, or run a study. Where only one of d hyperparameters matters,
n random points try n values of it and a grid n^(1/d): the case for random search (Bergstra and Bengio 2012).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError

Ranges = Mapping[str, tuple[float, float]]
"""(low, high) of each hyperparameter, 0 < low < high."""

Points = dict[str, Array]
"""Values of each hyperparameter, [N] each: N points."""

Evaluate = Callable[[Points], Array]
"""Score of each point, [N]; higher is better, NaN is a failed run."""


class SearchResult(NamedTuple):
    """Every point that was tried, in order, and its score.

    >>> result = SearchResult({"rate": jnp.array([0.5, 0.25])}, jnp.array([0.8, 0.9]))
    >>> float(result.best()[0]["rate"])
    0.25
    """

    points: Points
    scores: Array
    comparable: int = 0
    """Points before this one were scored by another `evaluate`, such as one that trains shorter."""

    def best(self) -> tuple[dict[str, Array], Array]:
        """The point of the highest score, and the score; failed points never win, the first of equals does.

        Of points that were scored alike: where later rounds train longer, of the last round alone.
        """
        others = jnp.arange(self.scores.shape[0]) < self.comparable
        i = _best_index(jnp.where(others, jnp.nan, self.scores))
        return {name: values[i] for name, values in self.points.items()}, self.scores[i]


def log_random_search(
    key: Array,
    evaluate: Evaluate | Sequence[Evaluate],
    ranges: Ranges,
    *,
    budget: int,
    rounds: int = 1,
    shrink: float = 0.25,
) -> SearchResult:
    """Draw points log-uniformly and score them; with several rounds the search goes from coarse to fine.

    Each round draws `budget / rounds` points in a box around the best point so far. Along every axis of the logarithmic
    scale the box is `shrink` times as long as the last one, and shifted where it would leave the ranges.

    Args:
        key: typed key; round r draws with `fold_in(key, r)`.
        evaluate: from points [n] to scores [n]; or one for each round, so that later ones train longer (S-109): a
            box then lies around the best point of the last round alone, since scores of other lengths say less.
        ranges: (low, high) of each hyperparameter.
        budget: points in all, a multiple of `rounds`.
        rounds: 1 is plain random search.
        shrink: in (0, 1].

    Returns:
        The `budget` points and their scores.

    Raises:
        InputError: ranges, budget, rounds or shrink out of bounds; scores that are not one for each point.

    >>> distance = lambda points: -jnp.abs(jnp.log10(points["rate"]) + 2.0)  # best at 0.01
    >>> result = log_random_search(jax.random.key(0), distance, {"rate": (1e-5, 1.0)}, budget=16, rounds=2)
    >>> round(float(result.best()[0]["rate"]), 3)
    0.01
    """
    _check_ranges(ranges)
    if rounds < 1 or budget < rounds or budget % rounds:
        raise InputError(f"budget {budget} in {rounds} rounds: give at least one round and a multiple of it as budget")
    if not 0 < shrink <= 1:
        raise InputError(f"shrink is {shrink}: give a number above 0 and at most 1")
    alike = callable(evaluate)
    each = [evaluate] * rounds if callable(evaluate) else list(evaluate)
    if len(each) != rounds:
        raise InputError(f"{len(each)} functions to evaluate {rounds} rounds: give one, or one for each round")
    shape = (budget // rounds, len(ranges))
    units, scores, centre = jnp.zeros((0, len(ranges))), jnp.zeros(0), jnp.full((1, len(ranges)), 0.5)
    for r in range(rounds):
        width = shrink**r
        low = jnp.clip(centre - width / 2, 0.0, 1.0 - width)
        drawn = low + width * jax.random.uniform(jax.random.fold_in(key, r), shape)
        scores = jnp.concatenate([scores, _scores(each[r], _points(drawn, ranges))])
        units = jnp.concatenate([units, drawn])
        first = 0 if alike else r * shape[0]
        centre = units[first + _best_index(scores[first:])][None, :]
    return SearchResult(_points(units, ranges), scores, 0 if alike else (rounds - 1) * shape[0])


def log_grid_search(evaluate: Evaluate, ranges: Ranges, *, budget: int) -> SearchResult:
    """Score the points of a grid, evenly spaced on a logarithmic scale, with equally many along each axis.

    Args:
        evaluate: from points [n] to scores [n].
        ranges: (low, high) of each of d hyperparameters.
        budget: points in all, m^d with m ≥ 2 points along each axis.

    Returns:
        The `budget` points, the last hyperparameter changing fastest, and their scores.

    Raises:
        InputError: ranges out of bounds, or a budget that is not such a power; scores that are not one for each point.

    >>> result = log_grid_search(lambda points: points["rate"], {"rate": (1e-4, 1.0)}, budget=3)
    >>> [f"{rate:.2g}" for rate in result.points["rate"]]
    ['0.0001', '0.01', '1']
    """
    _check_ranges(ranges)
    per_axis = round(budget ** (1 / len(ranges)))
    if per_axis < 2 or per_axis ** len(ranges) != budget:
        raise InputError(
            f"budget {budget} for a grid of {len(ranges)} hyperparameters: give 2, 3, 4 ... to the power {len(ranges)}"
        )
    axis = jnp.linspace(0.0, 1.0, per_axis)
    units = jnp.stack(jnp.meshgrid(*[axis] * len(ranges), indexing="ij"), axis=-1).reshape(budget, len(ranges))
    points = _points(units, ranges)
    return SearchResult(points, _scores(evaluate, points))


def _check_ranges(ranges: Ranges) -> None:
    if not ranges:
        raise InputError("no ranges: give (low, high) of at least one hyperparameter")
    for name, (low, high) in ranges.items():
        if not 0 < low < high:
            raise InputError(f"range of {name} is ({low:g}, {high:g}): give 0 < low < high for a logarithmic scale")


def _points(units: Array, ranges: Ranges) -> Points:
    """Positions in the unit cube [n, d] to values of the d hyperparameters."""
    return {name: low * (high / low) ** units[:, column] for column, (name, (low, high)) in enumerate(ranges.items())}


def _scores(evaluate: Evaluate, points: Points) -> Array:
    scores = jnp.asarray(evaluate(points), float)
    count = next(iter(points.values())).shape
    if scores.shape != count:
        raise InputError(f"evaluate returned scores of shape {scores.shape} for points of shape {count}: one for each")
    return scores


def _best_index(scores: Array) -> Array:
    return jnp.argmax(jnp.where(jnp.isnan(scores), -jnp.inf, scores))
