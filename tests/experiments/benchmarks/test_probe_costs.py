"""The benchmark of watching: ways take turns, ratios are those of pairs, and all of it runs on a tiny net."""

import math

import pytest

from experiments.benchmarks import watching
from experiments.benchmarks.speed.workloads import Workload
from jaxmlp.nn import MLPSpec


def test_ways_take_turns_and_the_first_call_does_not_count():
    called = []
    seconds = watching.in_turns({kind: lambda kind=kind: called.append(kind) for kind in ("plain", "w")}, 2)
    assert called == ["plain", "w", "plain", "w", "w", "plain"]
    assert {kind: len(values) for kind, values in seconds.items()} == {"plain": 2, "w": 2}


def test_a_ratio_is_that_of_the_rounds_pairs():
    ratio, low, high = watching.ratio_of({"plain": [1.0, 2.0, 4.0], "w": [2.0, 4.0, 8.0]})
    assert (ratio, low, high) == pytest.approx((2.0, 2.0, 2.0))
    ratio, low, high = watching.ratio_of({"plain": [1.0, 1.0], "w": [1.0, 4.0]})
    assert ratio == pytest.approx(2.0)
    assert low < ratio < high


def test_a_look_costs_an_epoch_what_it_costs_a_piece_in_proportion():
    """A look of 0.2 s, a step of 0.1 s, 32 of them a piece: 1 + 0.2/(100 · 0.1) in epochs of 100 steps."""
    ratio = watching.ratio_of({"plain": [3.2, 3.2], "w": [3.4, 3.4]})
    assert watching.once_an_epoch(ratio, 100) == pytest.approx((1.02, 1.02, 1.02))


@pytest.mark.parity
@pytest.mark.long
def test_all_of_it_on_a_tiny_net():
    pytest.importorskip("torch")
    workload = Workload("784-4-10", MLPSpec((784, 4, 10)), "sgd", 0.1, 600, (1,))
    cell = watching._costs(workload, 2, lambda line: None, "tiny")
    assert set(cell["seconds"]) == {*watching.WATCHINGS, watching.HOOKS}
    assert all(min(values) > 0 for pair in cell["seconds"].values() for values in pair.values())
    assert cell["bytes"]["flow_2000"] > cell["bytes"]["flow_16"] > 0
    table = watching.probe_costs_table({"workloads": {"tiny": cell}})
    rows = [line for line in table.splitlines() if line.startswith("| 784-4-10 |")]
    assert len(rows) == len(watching.WATCHINGS) + 2
    assert all(math.isfinite(float(row.split("|")[3].split("(")[0])) for row in rows)
