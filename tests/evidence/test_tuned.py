"""Tuned arms: chosen on validation, by seeds other than those they are judged with."""

import pytest

from jaxmlp.evidence import final, synthetic_rows, with_tuned
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.readings import check_rows, read
from jaxmlp.evidence.report import arm_table

# On even seeds the small rate is better, on odd ones the large rate; the test accuracy says which run was taken.
ARMS = {
    "small": {"val_accuracy": [0.9, 0.5, 0.9, 0.5], "test_accuracy": [0.10, 0.11, 0.12, 0.13]},
    "large": {"val_accuracy": [0.6, 0.8, 0.6, 0.8], "test_accuracy": [0.20, 0.21, 0.22, 0.23]},
}


def tuned_runs(arms, tuned, **options):
    rows = with_tuned(synthetic_rows(arms, **options), tuned)
    check_rows(rows)
    return read([Value("best", final("test_accuracy"))], rows)[0].to_dict()


def test_each_half_takes_what_is_best_on_the_other_half():
    assert tuned_runs(ARMS, {"best": ("small", "large")}) == {0: 0.20, 1: 0.11, 2: 0.22, 3: 0.13}


def test_runs_never_choose_for_themselves():
    """However good a run's own validation is, another half decides."""
    flattered = {name: {**arm, "val_accuracy": list(arm["val_accuracy"])} for name, arm in ARMS.items()}
    flattered["small"]["val_accuracy"][0] = 1.0
    flattered["small"]["val_accuracy"][2] = 1.0
    assert tuned_runs(flattered, {"best": ("small", "large")})[0] == 0.20


def test_a_rate_is_as_good_as_the_models_it_selects():
    """The large rate ends lower and selects better; where it diverges its selected model counts for nothing."""
    curves = {
        "small": {"val_accuracy": [[0.1, 0.7, 0.8]] * 4, "test_accuracy": [0.8] * 4, "selected_epoch": [2.0] * 4},
        "large": {"val_accuracy": [[0.1, 0.9, 0.6]] * 4, "test_accuracy": [0.9] * 4, "selected_epoch": [1.0] * 4},
    }
    assert set(tuned_runs(curves, {"best": ("small", "large")}).values()) == {0.9}
    lost = curves | {"large": curves["large"] | {"diverged": [True] * 4}}
    assert set(tuned_runs(lost, {"best": ("small", "large")}).values()) == {0.8}


@pytest.mark.parametrize(("order", "taken"), [(("a", "b"), 0.1), (("b", "a"), 0.2)])
def test_the_first_of_equals_is_taken(order, taken):
    arms = {"a": {"val_accuracy": [0.5] * 2, "test_accuracy": [0.1] * 2}}
    arms |= {"b": {"val_accuracy": [0.5] * 2, "test_accuracy": [0.2] * 2}}
    assert tuned_runs(arms, {"best": order}) == {0: taken, 1: taken}


def test_what_each_half_took_is_told_and_stands_in_the_report():
    rows = with_tuned(synthetic_rows(ARMS), {"best": ("small", "large")})
    taken = rows.loc[rows["arm"] == "best"].groupby("seed")["taken"].first()
    assert taken.to_dict() == {0: "large", 1: "small", 2: "large", 3: "small"}
    described = {row["arm"]: row.get("description") for row in arm_table(rows, {"arms": {}})}
    assert described == {"small": None, "large": None, "best": "even seeds take large, odd seeds take small"}


def test_whole_runs_are_taken_and_nothing_else_changes():
    rows = synthetic_rows(ARMS, epochs=3)
    more = with_tuned(rows, {"best": ("small", "large")})
    assert more.iloc[: len(rows)][rows.columns].equals(rows)
    assert sorted(more[more["arm"] == "best"]["epoch"]) == sorted([0, 1, 2, 3] * 4)


@pytest.mark.parametrize("seeds", [[3], [0, 2]])
def test_without_other_seeds_there_is_no_tuned_arm(seeds):
    arms = {name: {column: numbers[: len(seeds)] for column, numbers in arm.items()} for name, arm in ARMS.items()}
    rows = synthetic_rows(arms, seeds=dict.fromkeys(arms, seeds))
    assert "best" not in set(with_tuned(rows, {"best": ("small", "large")})["arm"])


def test_a_candidate_that_was_not_run_leaves_the_arm_out():
    assert "best" not in set(with_tuned(synthetic_rows(ARMS), {"best": ("small", "middle", "large")})["arm"])
