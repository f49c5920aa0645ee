"""The claims of `initialization` on made-up tables whose truth is known, and its arms."""

import numpy as np

from experiments.initialization import INITIALIZATION_ARMS, INITIALIZATION_CLAIMS, INITIALIZATION_EXPERIMENT
from experiments.lab.forbidden import ALIKE, ZEROS
from experiments.lab.ledger import load_ledger
from jaxmlp import data
from jaxmlp.nn import count_parameters
from tests.experiments.tables import verdict_of

EPOCHS = 15


def curve(first, last):
    """Epoch 0 at chance, then a straight line from `first` to `last`."""
    return [0.1, *np.linspace(first, last, EPOCHS)]


def arm(ends, *, first=None):
    """Runs that end at `ends` after starting at `first` (default: where they end)."""
    return {
        "val_accuracy": [curve(end if first is None else first, end) for end in ends],
        "test_accuracy": [[0.1] * EPOCHS + [end] for end in ends],
    }


rng = np.random.default_rng(0)
GOOD = 0.9774 + 0.001 * rng.normal(size=30)
FAILS = 0.13 + 0.02 * rng.random(30)
HALF = np.array([0.98, 0.3, 0.99, 0.4])


def slopes(he, tanh):
    """Of the logarithm of the variance, of ten nets each, and the variances of 60 layers."""
    layers, nets = np.arange(1, 61) / np.log(10), np.linspace(-1, 1, 10)
    profiles = {
        ("starts", start): {"log10_variance": [list((slope + spread * net) * layers) for net in nets]}
        for start, (slope, spread) in {"start_he_relu": he, "start_xavier_tanh": tanh}.items()
    }
    return profiles | {
        ("start_growth", start): {"log_variance_slope": list(slope + spread * nets)}
        for start, (slope, spread) in {"start_he_relu": he, "start_xavier_tanh": tanh}.items()
    }


def after_updates(zeros, alike):
    """Of the forbidden starts, ten nets each."""
    weights = {("forbidden", case): {"largest_weight": [zeros] * 10} for case in ZEROS}
    return weights | {("forbidden", case): {"largest_difference": [alike] * 10} for case in ALIKE}


TABLES = [
    (  # as the document says
        {"randn": arm(FAILS), "randn_lr1e-2": arm(FAILS + 0.01), "he_normal": arm(GOOD, first=0.92)}
        | {"he_uniform": arm(GOOD + 0.0002 * rng.normal(size=30), first=0.92)}
        | {"zeros": arm(np.full(30, 0.1135)), "symmetric": arm(FAILS)}
        | after_updates(0.0, 1e-7)
        | slopes((-0.005, 0.005), (-0.05, 0.005)),
        "reproduced",
    ),
    (  # the opposite
        {"randn": arm(GOOD), "randn_lr1e-2": arm(GOOD), "he_normal": arm(FAILS)}
        | {"he_uniform": arm(GOOD)}
        | {"zeros": arm(GOOD), "symmetric": arm(GOOD)}
        | after_updates(0.01, 0.3)
        | slopes((-0.69, 0.005), (-0.3, 0.005)),
        "refuted",
    ),
    (  # too noisy to tell
        {"randn": arm(HALF), "randn_lr1e-2": arm(HALF[::-1]), "he_normal": arm(HALF[::-1])}
        | {"he_uniform": arm(HALF)}
        | {"zeros": arm(np.array([0.05, 0.9, 0.06, 0.8])), "symmetric": arm(HALF)}
        | after_updates(0.0, 1e-7)
        | slopes((0.0, 0.5), (0.0, 0.5)),
        "inconclusive",
    ),
]
CASES = [(claim.id, verdict, arms) for claim in INITIALIZATION_CLAIMS for arms, verdict in TABLES]


def test_too_high_a_rate_alone_refutes_that_it_does_not_help():
    """C-004 has two parts: runs that still fail but gain 30 points are an improvement."""
    arms = {"randn": arm(FAILS), "randn_lr1e-2": arm(FAILS + 0.3)}
    c004 = next(claim for claim in INITIALIZATION_CLAIMS if claim.id == "C-004")
    assert verdict_of(INITIALIZATION_CLAIMS, c004.id, arms) == "refuted"


def test_kaiming_that_keeps_the_variance_beside_a_xavier_that_does_not_is_mixed():
    c105 = next(claim for claim in INITIALIZATION_CLAIMS if claim.id == "C-105")
    assert verdict_of(INITIALIZATION_CLAIMS, c105.id, (slopes((-0.01, 0.005), (-0.2, 0.005)))) == "mixed"


def test_the_arms_are_d0_s_net():
    digits = data.load("digits")
    arms = {arm.name: arm for arm in INITIALIZATION_EXPERIMENT.arms(digits, INITIALIZATION_EXPERIMENT.presets["full"])}
    assert tuple(arms) == INITIALIZATION_ARMS
    assert {arm.hyper.learning_rate for arm in arms.values()} == {1e-3, 1e-2}
    mnist_widths = (784, *arms["randn"].spec.mlp.widths[1:])
    spec = type(arms["randn"].spec.mlp)(mnist_widths)
    assert load_ledger().counts["P-01"].stated == (count_parameters(spec),)
    assert {arm.spec.data.batch_size for arm in arms.values()} == {64}
    assert {arm.spec.epochs for arm in arms.values()} == {15}
