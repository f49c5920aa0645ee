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


@pytest.mark.parity
@pytest.mark.slow
def test_all_of_it_on_a_tiny_net():
    pytest.importorskip("torch")
    workload = Workload("784-4-10", MLPSpec((784, 4, 10)), "sgd", 0.1, 600, (1,))
    cell = watching._costs(workload, 2, lambda line: None, "tiny")
    assert set(cell["seconds"]) == {*watching.WATCHINGS, watching.HOOKS}
    assert all(min(values) > 0 for pair in cell["seconds"].values() for values in pair.values())
    table = watching.probe_costs_table({"workloads": {"tiny": cell}})
    rows = [line for line in table.splitlines() if line.startswith("| 784-4-10 |")]
    assert len(rows) == 5
    assert all(math.isfinite(float(row.split("|")[3].split("(")[0])) for row in rows)
