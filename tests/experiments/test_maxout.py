"""The claims of `maxout` on made-up tables, and its nets."""

import numpy as np
import pytest

from experiments.lab.ledger import load_ledger
from experiments.maxout import MAXOUT_ARMS, MAXOUT_EXPERIMENT, MAXOUT_REPORTED, matched_widths
from jaxmlp import data
from jaxmlp.nn import MLPSpec, count_parameters
from tests.experiments.tables import UNCLEAR, accuracies, table

RUNS = 50


def runs(failing, per_epoch):
    """So many of 50 runs fail; the others go from 90 % by `per_epoch` in two epochs, and end at 98 %."""
    curve = [0.1, 0.9, 0.9 + per_epoch]
    return {
        "test_accuracy": [0.1] * failing + [0.98] * (RUNS - failing),
        "train_accuracy": [[0.1, 0.1, 0.1]] * failing + [[*curve, 1.0]] * (RUNS - failing),
    }


EXPLODES = {"maxout": runs(40, 0.08), "base": runs(0, 0.09)}
STAYS = {"maxout": runs(0, 0.08), "base": runs(0, 0.09)}


def rates(nets, at_d3_s=None):
    """The same at all three rates, or another thing at D3's."""
    others = {f"{net}{end}": one for net, one in nets.items() for end in ("_lr0.3", "_lr1")}
    return others | (at_d3_s or nets)


CASES = [
    ("C-302", "reproduced", table(accuracies(maxout=0.98, base=0.96, relu_deep=0.96))),
    ("C-302", "refuted", table(accuracies(maxout=0.965, base=0.96, relu_deep=0.96))),
    ("C-302", "inconclusive", table(accuracies(maxout=0.97, base=0.96, relu_deep=0.96), spread=UNCLEAR)),
    ("C-302", "other_cause", table(accuracies(maxout=0.98, base=0.96, relu_deep=0.975))),
    ("C-303", "reproduced", rates(EXPLODES)),
    ("C-303", "refuted", rates({"maxout": runs(0, 0.09), "base": runs(0, 0.08)})),
    ("C-303", "refuted", rates(EXPLODES, STAYS)),  # larger rates than D3's are ours
    ("C-303", "inconclusive", rates({"maxout": runs(15, 0.08), "base": runs(0, 0.09)})),
]


def mnist_nets():
    """By arm, the net on MNIST's 784 inputs."""
    digits = data.load("digits")
    mnist = digits.replace(train_inputs=np.zeros((60_000, 784), np.uint8))
    return {arm.name: arm for arm in MAXOUT_EXPERIMENT.arms(mnist, MAXOUT_EXPERIMENT.presets["full"])}


def test_the_nets_are_d3_s_and_those_matched_to_it():
    arms = mnist_nets()
    assert set(arms) == set(MAXOUT_ARMS)
    counts = {name: count_parameters(arm.spec.mlp) for name, arm in arms.items()}
    ledger = load_ledger().counts
    assert (counts["base"],) == ledger["P-09"].computed
    assert (counts["maxout"] - counts["base"],) == ledger["P-12"].computed
    assert counts["true_maxout"] == 404_490  # S-039
    assert arms["relu_wide"].spec.mlp.widths == (784, 422, 10)  # "about 421" (C-302): 421.5 would be equal
    assert arms["relu_256-256"].spec.mlp.widths == (784, 256, 256, 10)
    for name in ("relu_wide", "relu_deep"):
        assert arms[name].spec.mlp.activation == "relu"
        assert counts[name] == pytest.approx(counts["maxout"], rel=0.003)


@pytest.mark.parametrize("inputs", [784, 64])
def test_no_width_comes_nearer_to_the_count(inputs):
    def error(*hidden):
        return abs(count_parameters(MLPSpec((inputs, *hidden, 10))) - 200_000)

    wide, deep = matched_widths(200_000, inputs, 10)
    assert all(error(wide) <= error(wide + by) for by in (-1, 1))
    assert all(error(deep, deep) <= error(deep + by, deep + by) for by in (-1, 1))


def test_base_and_maxout_are_trained_at_five_rates():
    arms = mnist_nets().values()
    for kind in ("relu", "maxout_layer"):
        rates = {arm.hyper.learning_rate for arm in arms if arm.spec.mlp.activation == kind}
        assert rates == {0.01, 0.03, 0.1, 0.3, 1.0}


def test_the_gain_that_d3_prints_stands_beside_ours():
    assert [(one.arm, one.baseline, one.value) for one in MAXOUT_REPORTED] == [("maxout", "base", 0.02)]
