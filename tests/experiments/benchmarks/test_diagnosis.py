"""The benchmark of `why`: situations that can be trained, fixed halves, and figures that count what they say."""

import numpy as np
import pytest

from experiments.benchmarks.diagnosis import diagnosis_table, held_against
from experiments.benchmarks.situations import HALVES, NOTHING, PLANTED, SITUATIONS, SOUND, Situation, half
from jaxmlp.data import Dataset
from jaxmlp.diagnosis import CHANGES
from jaxmlp.diagnosis.outcomes import check_setting

TOUCHED = {change.touches for change in CHANGES.values()}


def test_every_situation_is_in_one_half_and_each_half_has_every_column():
    parts = [set(half(name)) for name in HALVES]
    assert set.union(*parts) == set(SITUATIONS)
    assert not set.intersection(*parts)
    for column in (PLANTED, SOUND, NOTHING):
        counts = [sum(SITUATIONS[name].column == column for name in part) for part in parts]
        assert min(counts) >= 1
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_can_be_trained_and_its_fault_can_be_taken_out(name):
    situation = SITUATIONS[name]
    check_setting(situation.setting, situation.load())
    assert bool(situation.faults) == (situation.column == PLANTED)
    assert all(fault <= TOUCHED for fault in situation.faults)


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_data_are_the_same_on_every_call(name):
    first, again = (SITUATIONS[name].load() for _ in range(2))
    assert isinstance(first, Dataset)
    assert first.digest == again.digest


def test_random_labels_are_not_told_by_a_class_mean():
    situation = SITUATIONS["SO 38648195"].load()
    inputs, labels = np.asarray(situation.train_inputs), np.asarray(situation.train_targets)
    means = np.stack([inputs[labels == k].mean(0) for k in range(3)])
    assert np.abs(means).max() < 0.4  # 0.1 standard deviations in 100 rows: four of them


RATE, OUTPUT = frozenset({"learning rate"}), frozenset({"output"})
FAULTY = Situation(PLANTED, Dataset, SITUATIONS["T1"].setting, frozenset({RATE, OUTPUT}))
HEALTHY_ONE = Situation(SOUND, Dataset, SITUATIONS["T1"].setting)


@pytest.mark.parametrize(
    ("situation", "status", "touches", "right", "named_true", "found"),
    [
        (FAULTY, "repaired", [RATE], True, 1, 1),
        (FAULTY, "repaired", [RATE, RATE], True, 2, 1),
        (FAULTY, "repaired", [frozenset({"depth"}), RATE], False, 1, 1),
        (FAULTY, "repaired", [RATE | OUTPUT], False, 0, 0),  # not minimal
        (FAULTY, "undecided", [], False, 0, 0),
        (HEALTHY_ONE, "trains", [], True, 0, 0),
        (HEALTHY_ONE, "undecided", [], False, 0, 0),
    ],
)
def test_an_answer_is_held_against_what_was_planted(situation, status, touches, right, named_true, found):
    counts = held_against(situation, status, touches)
    assert (counts["right"], counts["named_true"], counts["found"]) == (right, named_true, found)


def test_the_table_has_the_figures_of_each_column_and_what_was_wrong():
    hit = held_against(FAULTY, "repaired", [RATE]) | {"column": PLANTED, "status": "repaired", "repaired": True}
    miss = held_against(FAULTY, "undecided", []) | {"column": PLANTED, "status": "undecided", "repaired": None}
    alarm = held_against(HEALTHY_ONE, "repaired", [RATE]) | {"column": SOUND, "status": "repaired", "repaired": False}
    answers = {"a": hit | {"seconds": [10.0]}, "b": miss | {"seconds": [30.0]}, "c": alarm | {"seconds": [5.0]}}
    table = diagnosis_table({"answers": answers})
    assert "| planted | 2 | 1 | 0.25 | 1.00 | 1.00 | 20 (at most 30) |" in table
    assert "| healthy | 1 | 0 | – | 0.00 | 0.00 | 5 (at most 5) |" in table
    assert table.endswith("Wrong: b (undecided), c (repaired).")
