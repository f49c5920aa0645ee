"""The claims of `width_depth` on made-up tables, and its nets."""

import pytest

from experiments.lab.ledger import load_ledger
from experiments.width_depth import WIDTH_DEPTH_ARMS, WIDTH_DEPTH_DEEP, WIDTH_DEPTH_REPORTED, nets
from jaxmlp.nn import MLPSpec, count_parameters
from tests.experiments.tables import UNCLEAR, accuracies, table


def levels(deep=0.0, gain=0.04, over_784=0.01):
    """Wide nets at 97 %, deep ones `deep` above those of their size, and the narrow ones `gain` below width 2048."""
    names = ["-".join(map(str, hidden)) for hidden in WIDTH_DEPTH_DEEP]
    levels = {f"wide_like_{name}": 0.97 for name in names} | dict.fromkeys(names, 0.97 + deep)
    levels |= {"width_784": levels["512-256"] - over_784, "width_2048": 0.98}
    return accuracies(**levels, width_12=0.98 - gain, width_24=0.98 - gain)


CASES = [
    ("C-305", "reproduced", table(levels(gain=0.035))),
    ("C-305", "refuted", table(levels(gain=0.01))),
    ("C-305", "refuted", table(levels(gain=0.06))),  # more is not what D3 prints
    ("C-305", "inconclusive", table(levels(gain=0.025), spread=UNCLEAR)),
    ("C-305", "mixed", table(levels() | accuracies(width_24=0.975))),  # 12 units are narrow, 24 are not
    ("C-306", "reproduced", table(levels(deep=0.005))),
    ("C-306", "refuted", table(levels(over_784=-0.005))),
    ("C-306", "reproduced", table(levels(deep=-0.005))),  # as many parameters are ours
    ("C-306", "refuted", table(levels(deep=0.005, over_784=0.002))),  # better, but by a fifth of a point
    ("C-306", "inconclusive", table(levels(over_784=0.005), spread=UNCLEAR)),
]


def count(hidden):
    return count_parameters(MLPSpec((784, *hidden, 10)))


def test_the_nets_are_d3_s():
    named = nets(784, 10)
    assert tuple(named) == WIDTH_DEPTH_ARMS
    ledger = load_ledger().counts
    assert (count(named["width_12"]),) == ledger["P-10"].computed
    assert tuple(count(named[name]) for name in ("width_784", "width_2048", "512-256")) == ledger["P-11"].computed
    assert (count(named["width_256"]),) == ledger["P-09"].computed


@pytest.mark.parametrize("inputs", [784, 64])
def test_a_wide_net_has_the_parameters_of_its_deep_one(inputs):
    named = nets(inputs, 10)
    for hidden in WIDTH_DEPTH_DEEP:
        name = "-".join(map(str, hidden))
        deep, wide = (count_parameters(MLPSpec((inputs, *named[arm], 10))) for arm in (name, f"wide_like_{name}"))
        assert abs(wide - deep) <= (inputs + 11) / 2  # half a unit: no width comes nearer


def test_the_gains_that_d3_prints_stand_beside_ours():
    assert [(one.arm, one.baseline, one.value) for one in WIDTH_DEPTH_REPORTED] == [
        ("width_2048", "width_12", 0.035),
        ("512-256", "width_784", 0.01),
    ]
