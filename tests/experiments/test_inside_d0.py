"""`inside_d0`: the arms are D0's, narrowed, and the bands hold what starts of such nets show."""

from itertools import pairwise

import numpy as np
import pytest

from experiments.depth import DEPTH_EXPERIMENT
from experiments.inside_d0 import (
    INSIDE_41,
    INSIDE_ARMS,
    INSIDE_D0_EXPERIMENT,
    WIDEST_INSIDE,
    gradient_band,
    norm_gradient_band,
    value_band,
)
from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp import data
from jaxmlp.probes import laws


def test_the_arms_are_d0_s_as_deep_and_no_wider():
    digits, full = data.load("digits"), INSIDE_D0_EXPERIMENT.presets["full"]
    small = INSIDE_D0_EXPERIMENT.presets["quick"]
    arms = {arm.name: arm for arm in INSIDE_D0_EXPERIMENT.arms(digits, small)}
    assert set(arms) == set(INSIDE_ARMS)
    theirs = {arm.name: arm for arm in DEPTH_EXPERIMENT.arms(digits, small)}
    for name in INSIDE_41:
        hidden = [min(width, small.max_width) for width in HIDDEN_WIDTHS[41]]
        assert list(arms[name].spec.mlp.widths) == [64, *hidden, 10]
        assert arms[name].spec == theirs[name].spec
    assert full.max_width == WIDEST_INSIDE
    assert full.seeds == 1  # described, not judged


@pytest.mark.parametrize("layer", [2, 5])
def test_starts_lie_in_the_bands_nineteen_times_in_twenty(layer):
    """Values forward and gradients back through draws of He's start, in NumPy."""
    hidden, rng = (20, 30, 20, 30, 20), np.random.default_rng(0)
    widths, values, gradients = (10, *hidden, 5), [], []
    for _ in range(600):
        h, weights, outputs = rng.normal(size=10), [], []
        for fan_in, fan_out in pairwise(widths):
            weights.append(rng.normal(size=(fan_out, fan_in)) * np.sqrt(2 / fan_in))
            outputs.append(weights[-1] @ h)
            h = np.maximum(outputs[-1], 0)
        g = first = rng.normal(size=widths[layer + 1])
        for below in range(layer, 0, -1):
            first = (weights[below].T @ first) * (outputs[below - 1] > 0)
        values.append(np.sqrt(np.mean(outputs[layer] ** 2) / np.mean(outputs[0] ** 2)))
        gradients.append(np.linalg.norm(g) / np.linalg.norm(first))
    for band, seen in ((value_band(hidden), values), (gradient_band(hidden), gradients)):
        low, high = band[layer]
        assert 0.88 < np.mean((np.array(seen) > low) & (np.array(seen) < high)) <= 1
    assert value_band(hidden)[0] == (1.0, 1.0)


def test_behind_batch_norm_the_band_falls_as_the_law_does():
    band = norm_gradient_band(9)
    assert band[0] == (1.0, 1.0)
    assert band[8][0] < laws.BATCH_NORM_GROWTH**-4 < band[8][1]
