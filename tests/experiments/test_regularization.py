"""The claims of `regularization` on made-up tables, and its arms."""

import numpy as np
import pytest

from experiments.regularization import REGULARIZATION_ARMS, REGULARIZATION_CLAIMS, REGULARIZATION_EXPERIMENT, SHARES
from jaxmlp import data
from tests.experiments.tables import UNCLEAR, row_of, table

TECHNIQUES = ("l2_1e-3", "dropout_0.5", "batch_norm")


def gap(size):
    return {"train_accuracy": 0.97 + size, "test_accuracy": 0.97}


def sizes(technique, small=None):
    """Gaps of 2 points without a technique and of `technique` with one; of `small` on a sixtieth of the images."""
    levels = {}
    for end in SHARES:
        reduced = small if end == "_60th" and small is not None else technique
        levels |= {f"base{end}": gap(0.02)} | {f"{name}{end}": gap(reduced) for name in TECHNIQUES}
    return levels


CASES = [
    ("C-307", "reproduced", table({"base": gap(0.005), "base_batch_x2": gap(0.006)})),
    ("C-307", "refuted", table({"base": gap(0.02), "base_batch_x2": gap(0.02)})),
    ("C-307", "mixed", table({"base": gap(0.005), "base_batch_x2": gap(0.02)})),
    ("C-307", "inconclusive", table({"base": gap(0.01), "base_batch_x2": gap(0.01)}, spread=UNCLEAR)),
    ("C-309", "reproduced", table(sizes(0.01))),
    ("C-309", "refuted", table(sizes(0.02))),
    ("C-309", "reproduced", table(sizes(0.01, small=0.02))),  # fewer images are ours
    ("C-309", "mixed", table(sizes(0.01) | {f"dropout_0.5{end}": gap(0.02) for end in SHARES})),
    ("C-309", "inconclusive", table(sizes(0.019), spread=UNCLEAR)),
]


def test_a_gap_that_stays_on_fewer_images_qualifies():
    found = row_of(REGULARIZATION_CLAIMS, "C-309", table(sizes(0.01, small=0.02)))
    assert found["qualified"] == [f"{name}, 1 in 60 images: refuted (absent)" for name in TECHNIQUES]


@pytest.fixture(scope="module")
def arms():
    mnist = data.load("digits").replace(train_inputs=np.zeros((60_000, 784), np.uint8))
    return {arm.name: arm for arm in REGULARIZATION_EXPERIMENT.arms(mnist, REGULARIZATION_EXPERIMENT.presets["full"])}


def test_each_arm_is_the_base_but_for_what_it_is_named_after(arms):
    assert tuple(arms) == REGULARIZATION_ARMS
    settings = {
        name: (
            arm.spec.loss.penalty,
            arm.spec.mlp.dropout,
            arm.spec.mlp.norm,
            arm.hyper.penalty,
            arm.hyper.dropout_rate,
        )
        for name, arm in arms.items()
    }
    for end in SHARES:
        for strength in (1e-5, 1e-4, 1e-3):
            name = f"l2_{strength:.0e}".replace("e-0", "e-") + end
            assert settings[name] == ("l2", "none", "none", strength, 0.0)
        assert settings[f"l2_norm_1e-3{end}"] == ("l2_norm", "none", "none", 1e-3, 0.0)
        for rate in (0.2, 0.5):
            assert settings[f"dropout_{rate}{end}"] == ("none", "inverted", "none", 1e-4, rate)
        assert settings[f"batch_norm{end}"] == ("none", "none", "batch_norm", 1e-4, 0.0)
        assert settings[f"base{end}"] == ("none", "none", "none", 1e-4, 0.0)
    assert {arm.hyper.learning_rate for arm in arms.values()} == {0.1}


def test_the_sizes_are_the_ledger_s_and_train_for_as_many_updates(arms):
    specs = [arms[f"base{end}"].spec for end in SHARES]
    assert [spec.data.train_size for spec in specs] == [60_000, 10_000, 1000]
    updates = [spec.epochs * (spec.data.train_size // 64) for spec in specs]
    assert updates == pytest.approx([18_740] * 3, rel=0.04)
    assert arms["base_10_times"].spec.epochs == 200 == 10 * arms["base"].spec.epochs
    assert arms["base_batch_x2"].spec.data.batch_size == 128 == 2 * arms["base"].spec.data.batch_size
