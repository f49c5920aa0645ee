"""The data of situations: small, drawn anew on every call and always the same."""

import numpy as np

from jaxmlp import data
from jaxmlp.data import Dataset


def _own(inputs: np.ndarray, targets: np.ndarray, name: str) -> Dataset:
    return data.from_arrays(inputs.astype(np.float32), targets, name=name)


def situation_blobs(classes: int = 3, rows: int = 400, size: float = 1.0) -> Dataset:
    """Clouds of points on a circle, standard deviation 0.6; all multiplied by `size`."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    angles = 2 * np.pi * labels / classes
    points = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(0, 0.6, (rows, 2))
    return _own(size * points, labels, "blobs")


def bag_of_words(rows: int = 2000, words: int = 1000, topics: int = 20) -> Dataset:
    """Counts of words in texts of 60 words; each topic prefers some words."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(words, 0.05), topics)
    labels = rng.integers(0, topics, rows)
    counts = np.stack([rng.multinomial(60, 0.7 / words + 0.3 * shares[label]) for label in labels])
    return _own(counts, labels, "bag of words")


def parabola() -> Dataset:
    """y = 5x² and cubed normal noise, for x from 0 to 5 by 0.1 (a public question's)."""
    rng = np.random.default_rng(0)
    x = np.tile(np.arange(0.0, 5.0, 0.1), 4)[:, None]
    return _own(x, (5 * x**2)[:, 0] + rng.normal(size=len(x)) ** 3, "parabola")


def signed_plane() -> Dataset:
    """Two inputs, and their sum, which is as often negative as positive."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    return _own(x, x.sum(axis=1), "plane")


def random_labels(rows: int = 400, inputs: int = 20, classes: int = 3) -> Dataset:
    """Labels that have nothing to do with the inputs."""
    rng = np.random.default_rng(0)
    return _own(rng.normal(size=(rows, inputs)), rng.integers(0, classes, rows), "random labels")


def shuffled_diabetes() -> Dataset:
    """The diabetes table with its targets in another order."""
    table, rng = data.load("diabetes"), np.random.default_rng(0)
    train, test = (rng.permutation(np.asarray(part)) for part in (table.train_targets, table.test_targets))
    return table.replace(train_targets=train, test_targets=test, name="shuffled diabetes")


def absent_column() -> Dataset:
    """Classes that depend on a column that is not there."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    return _own(x[:, :5], (x[:, 5] > 0).astype(int), "absent column")


def uneven_blobs() -> Dataset:
    """Two clouds, four times as many rows in one of them."""
    rng = np.random.default_rng(0)
    labels = (rng.random(500) < 0.2).astype(int)
    return _own(rng.normal(size=(500, 2)) + 2.5 * labels[:, None], labels, "uneven blobs")
