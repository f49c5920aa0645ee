"""Points in the plane: XOR (S-014) and four noisy toy sets after the TensorFlow playground (S-015).

Each toy has 250 training and 250 test points, 125 of either class in mixed order, and is the same on every call.
Its points are placed class by class and then moved at random, far enough for the classes to overlap a little: a net
without regularisation can overfit them, which is what they are for.
"""

from collections.abc import Callable

import numpy as np

from jaxmlp.data.idx import Arrays

NUM_POINTS = 250
"""Points in each part of a toy set."""

_RADIUS = 5.0
_GAP = 0.3
_SPIRAL_TURNS = 1.75

Place = Callable[[np.random.Generator, np.ndarray], np.ndarray]
"""(generator, labels [N]) -> points [N, 2] of those classes."""


def xor() -> Arrays:
    """The four points of {0, 1}² and the exclusive or of their coordinates; the test part is the training part."""
    points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    labels = np.array([0, 1, 1, 0], np.int32)
    return {"train_inputs": points, "train_targets": labels, "test_inputs": points, "test_targets": labels}


def toy_circle() -> Arrays:
    """A disc of radius 2.5 (class 1) inside a ring from 3.5 to 5 (class 0), each coordinate moved by up to 1."""
    return _two_parts(_place_circle, noise=1.0)


def toy_xor() -> Arrays:
    """Quadrants of [-5, 5]²: class 1 where the coordinates' signs agree, each coordinate moved by up to 1."""
    return _two_parts(_place_xor, noise=1.0)


def toy_gauss() -> Arrays:
    """Two normal clouds, standard deviation 1.6, around (2, 2) (class 1) and (-2, -2) (class 0)."""
    return _two_parts(_place_gauss, noise=0.0)


def toy_spiral() -> Arrays:
    """Two arms of 1.75 turns, half a turn apart, out to radius 5, each coordinate moved by up to 0.5."""
    return _two_parts(_place_spiral, noise=0.5)


def _two_parts(place: Place, noise: float) -> Arrays:
    """Training and test part from two fixed seeds; `noise` bounds the uniform shift of a coordinate."""
    arrays: Arrays = {}
    for seed, part in enumerate(("train", "test")):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(NUM_POINTS) % 2
        points = place(rng, labels) + rng.uniform(-noise, noise, (NUM_POINTS, 2))
        arrays |= {f"{part}_inputs": points.astype(np.float32), f"{part}_targets": labels.astype(np.int32)}
    return arrays


def _place_circle(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    inner, outer = rng.uniform(0, 0.5, labels.size), rng.uniform(0.7, 1, labels.size)
    return _polar(_RADIUS * np.where(labels == 1, inner, outer), rng.uniform(0, 2 * np.pi, labels.size))


def _place_xor(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    sizes = rng.uniform(_GAP, _RADIUS, (labels.size, 2))
    sign_x = rng.choice([-1, 1], labels.size)
    return sizes * np.stack([sign_x, np.where(labels == 1, sign_x, -sign_x)], axis=1)


def _place_gauss(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    centre = np.where(labels == 1, 2.0, -2.0)
    return centre[:, None] + rng.normal(0, 1.6, (labels.size, 2))


def _place_spiral(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    along = rng.uniform(0, 1, labels.size)
    return _polar(_RADIUS * along, 2 * np.pi * _SPIRAL_TURNS * along + np.pi * labels)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points [N, 2] from polar coordinates [N]."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
