"""The claims of `network_size` on made-up tables, and its nets."""

import numpy as np
import pytest

from experiments.lab.ledger import load_ledger
from experiments.lab.timed import TIMES
from experiments.network_size import ARMS, CLAIMS, NETS, NETWORK_SIZE, REPORTED
from jaxmlp import data
from jaxmlp.nn import count_parameters
from tests.experiments.tables import UNCLEAR, accuracies, table, three_each, verdict_of


def nets(step, programs=("shipped", "mended"), seconds=0.1):
    """Each net this far above the next smaller one in accuracy, and in the seconds of an epoch."""
    levels = accuracies(**{f"{program}_{net}": 0.97 - i * step for program in programs for i, net in enumerate(NETS)})
    return levels | {
        (TIMES.name, f"{program}_{net}"): {"seconds_per_epoch": 1 - i * seconds}
        for program in programs
        for i, net in enumerate(NETS)
    }


CASES = [
    ("C-424", "reproduced", table(nets(0.005))),
    ("C-424", "refuted", table(nets(-0.005))),
    ("C-424", "mixed", table(nets(0.005, ("mended",)) | nets(-0.005, ("shipped",)))),
    ("C-424", "refuted", table(nets(0.005, seconds=-0.1))),  # more accurate, and faster
    ("C-424", "inconclusive", table(nets(0.0, seconds=0.0), spread=UNCLEAR)),
]


@pytest.mark.parametrize(("claim", "verdict", "arms"), CASES)
def test_every_claim_finds_what_the_table_holds(claim, verdict, arms):
    assert verdict_of(CLAIMS, claim, arms) == verdict


def test_every_claim_has_its_three_tables():
    assert three_each(CLAIMS, CASES)


def test_d4_s_own_table_refutes_it():
    """97.33 % with fewer parameters than 96.98 %, and 94.03 % with more than 96.10 %."""
    printed = {"500": 0.9698, "300-150": 0.9733, "100-30": 0.9403, "100": 0.9610}
    levels = {f"{program}_{net}": value for program in ("shipped", "mended") for net, value in printed.items()}
    assert verdict_of(CLAIMS, "C-424", table(nets(0.005) | accuracies(**levels))) == "refuted"


def test_the_nets_are_d4_s_in_the_order_of_their_parameters():
    digits = data.load("digits")
    mnist = digits.replace(train_images=np.zeros((60_000, 784), np.uint8))
    preset = NETWORK_SIZE.presets["full"]
    arms = {arm.name: arm for arm in NETWORK_SIZE.arms(mnist, preset)}
    assert tuple(arms) == ARMS
    counts = [count_parameters(arms[f"shipped_{net}"].spec.mlp) for net in NETS]
    assert sorted(counts, reverse=True) == counts
    assert set(counts) == set(load_ledger().counts["P-14"].computed)


def test_table_2_stands_beside_the_shipped_arms():
    assert [(one.arm, one.value) for one in REPORTED if one.measure.column == "test_accuracy"] == [
        ("shipped_100-30", 0.9403),
        ("shipped_500", 0.9698),
        ("shipped_100", 0.9610),
    ]
    assert [(one.arm, one.value) for one in REPORTED if one.measure.unit == "s"] == [
        ("shipped_100-30", 490.0),
        ("shipped_500", 1436.0),
        ("shipped_100", 414.0),
    ]
