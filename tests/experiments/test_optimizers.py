"""The claims of `optimizers` on made-up tables, and its arms."""

import pytest

from experiments.optimizers import (
    OPTIMIZERS_ARMS,
    OPTIMIZERS_CLAIMS,
    OPTIMIZERS_EXPERIMENT,
    OPTIMIZERS_RATES,
    OPTIMIZERS_REPORTED,
    OPTIMIZERS_TUNED,
    RUNNING_ARMS,
    SHIPPED_ARMS,
)
from jaxmlp import data
from tests.experiments.tables import UNCLEAR, accuracies, table, verdict_of


def adaptive(shipped, tuned):
    """Adam and RMSProp this far above SGD and momentum: at the common rate, faulty or not, and at tuned ones."""
    levels = {}
    for name, above in {"shipped_{}": shipped, "{}": shipped, "{}_tuned": tuned}.items():
        levels |= {name.format(rule): 0.96 for rule in ("sgd", "momentum")}
        levels |= {name.format(rule): 0.96 + above for rule in ("adam", "rmsprop")}
    return accuracies(**levels)


def climbs(**first):
    """Arms whose validation accuracy is this after the first epoch, and 99 % after the second."""
    arms = {f"{rule}{end}": value for rule, value in first.items() for end in ("", "_lr0.001", "_lr0.1")}
    return {arm: {"val_accuracy": [0.1, value, 0.99]} for arm, value in arms.items()}


def validated(below):
    return {arm: {"test_accuracy": 0.96, "val_accuracy": 0.96 - below} for arm in SHIPPED_ARMS}


CASES = [
    ("C-421", "reproduced", table(adaptive(-0.01, 0.0))),
    ("C-421", "refuted", table(adaptive(0.01, 0.01))),
    ("C-421", "reproduced", table(adaptive(-0.01, 0.01))),  # for lack of tuning, which is ours
    ("C-421", "inconclusive", table(adaptive(0.003, 0.003), spread=UNCLEAR)),
    ("C-422", "reproduced", table(climbs(nesterov=0.96, momentum=0.90))),
    ("C-422", "refuted", table(climbs(nesterov=0.93, momentum=0.95))),
    ("C-422", "inconclusive", table(climbs(nesterov=0.902, momentum=0.89), spread=UNCLEAR)),
    ("C-427", "reproduced", table(validated(0.02))),
    ("C-427", "refuted", table(validated(0.0))),
    ("C-427", "inconclusive", table(validated(0.01), spread=UNCLEAR)),
]


def test_one_optimizer_whose_validation_agrees_refutes_that_all_four_disagree():
    levels = validated(0.02) | {"shipped_sgd": {"test_accuracy": 0.96, "val_accuracy": 0.96}}
    assert verdict_of(OPTIMIZERS_CLAIMS, "C-427", table(levels)) == "refuted"


@pytest.fixture(scope="module")
def arms():
    return {
        arm.name: arm for arm in OPTIMIZERS_EXPERIMENT.arms(data.load("digits"), OPTIMIZERS_EXPERIMENT.presets["full"])
    }


def test_the_arms_are_table_1_s_and_the_mended_ones(arms):
    assert set(arms) == set(OPTIMIZERS_ARMS)
    assert len(OPTIMIZERS_ARMS) == len(set(OPTIMIZERS_ARMS)) == 4 + 4 + 6 * 3
    for name, arm in arms.items():
        spec = arm.spec
        assert (spec.mlp.widths[1:], spec.data.batch_size, spec.epochs) == ((300, 150, 10), 10, 10)
        program = (spec.data.shuffle, spec.backward, spec.evaluation.validation)
        if name in SHIPPED_ARMS:
            assert program == (False, "d4_shipped", "d4_shipped")
        elif name in RUNNING_ARMS:
            assert program == (False, "d4_shipped", "running")
        else:
            assert program == (True, "manual", "running")
    assert {arms[name].hyper.learning_rate for name in (*SHIPPED_ARMS, *OPTIMIZERS_RATES)} == {0.01}


def test_d4_s_adam_lacks_bias_correction_as_shipped_and_has_both_forms_mended(arms):
    optimizers = {name: arm.spec.optimizer.name for name, arm in arms.items()}
    assert {name: optimizers[name] for name in SHIPPED_ARMS} == {
        "shipped_adam": "adam_nobc",
        "shipped_momentum": "momentum",
        "shipped_rmsprop": "rmsprop",
        "shipped_sgd": "sgd",
    }
    assert {optimizers[name] for name in OPTIMIZERS_RATES} == {*OPTIMIZERS_RATES}


def test_every_rule_is_tuned_over_three_rates_around_or_below_the_common_one(arms):
    for name, candidates in OPTIMIZERS_TUNED.items():
        specs = {arms[arm].spec for arm in candidates}
        assert {spec.optimizer.name for spec in specs} == {name.removesuffix("_tuned")}
        assert len(specs) == 1
        assert len({arms[arm].hyper.learning_rate for arm in candidates}) == 3


def test_table_1_stands_beside_the_shipped_arms():
    table_1 = {"adam": (0.9253, 0.9490, 4974), "momentum": (0.9385, 0.9602, 4583)}
    table_1 |= {"rmsprop": (0.9295, 0.9576, 5506), "sgd": (0.9356, 0.9622, 4473)}
    columns = ("val_accuracy", "test_accuracy", "seconds_per_run")
    assert [(one.arm, one.measure.column, one.value) for one in OPTIMIZERS_REPORTED] == [
        (f"shipped_{name}", column, value)
        for name, values in table_1.items()
        for column, value in zip(columns, values, strict=True)
    ]
