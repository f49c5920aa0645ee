"""Claims, numbers of documents and figures read the table they name, by what its declaration says."""

import numpy as np
import pandas as pd
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.figures import CompareArms, EveryRun, save_figures
from jaxmlp.evidence.measures import Value, at, best, final
from jaxmlp.evidence.parts import Difference
from jaxmlp.evidence.readings import MissingResultsError, check_rows, read
from jaxmlp.evidence.reported import compare_reported
from jaxmlp.evidence.synthetic import synthetic_rows
from jaxmlp.schema import Column, Table, column_of, declare
from tests.evidence.judged import verdict_of

LAYERS = declare(
    Table("layers read", ("net", "draw", "layer"), (Column("spread"),), subject="net", pair="draw", along="layer")
)
ROUNDS = declare(
    Table("rounds read", ("arm", "round"), (Column("spent", unit="s", higher_is_better=False),), pair="round")
)
EPOCHS = synthetic_rows({"he": {"test_accuracy": [0.9, 0.8]}, "deep": {"test_accuracy": [0.7, 0.6]}})
TABLES = {
    "epochs": EPOCHS,
    LAYERS.name: pd.DataFrame(
        {
            "net": ["deep"] * 6 + ["flat"] * 3,
            "draw": [4, 4, 4, 2, 2, 2, 4, 4, 4],
            "layer": [3, 1, 2, 1, 2, 3, 1, 2, 3],
            "spread": [9.0, 1.0, 4.0, 2.0, 3.0, 5.0, 1.0, 1.0, 1.0],
        }
    ),
    ROUNDS.name: pd.DataFrame({"arm": ["he", "deep"] * 4, "round": np.repeat([1, 2, 3, 4], 2), "spent": [1, 3] * 4}),
}


@pytest.mark.parametrize(
    ("value", "numbers", "words"),
    [
        (Value("deep", at("spread", epoch=2), LAYERS.name), {2: 3.0, 4: 4.0}, "spread at layer 2 of deep"),
        (Value("deep", final("spread"), LAYERS.name), {2: 5.0, 4: 9.0}, "final spread of deep"),
        (Value("flat", best("spread"), LAYERS.name), {4: 1.0}, "best spread of flat"),
        (Value("he", final("spent"), ROUNDS.name), {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}, "final spent of he"),
        (Value("he", final("test_accuracy")), {0: 0.9, 1: 0.8}, "final test_accuracy of he"),
    ],
)
def test_a_value_is_read_of_its_table_by_pair_and_along_its_key(value, numbers, words):
    (found,) = read([value], TABLES)
    assert found.to_dict() == numbers
    assert str(value) == words


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Value("he", final("spread"), LAYERS.name), "net he is not in the results"),
        (Value("deep", final("spent"), LAYERS.name), "column spent is not in the results"),
        (Value("deep", at("spread", epoch=7), LAYERS.name), "in 2 of 2 runs of deep"),
        (Value("deep", final("spent"), "rounds unread"), "table rounds unread is not in the results"),
    ],
)
def test_what_is_missing_is_named(value, message):
    with pytest.raises(MissingResultsError, match=message):
        read([value], TABLES)


def test_a_table_alone_is_epochs():
    values = [Value("he", final("test_accuracy"))]
    pd.testing.assert_series_equal(read(values, EPOCHS)[0], read(values, TABLES)[0])


def test_a_row_twice_in_any_table_is_refused():
    check_rows(TABLES)
    twice = pd.concat([TABLES[ROUNDS.name]] * 2)
    with pytest.raises(InputError, match="table rounds read has arm he, round 1 twice"):
        check_rows(TABLES | {ROUNDS.name: twice})


def test_a_claim_on_another_table_pairs_what_that_table_pairs():
    part = Difference(*(Value(arm, final("spent"), ROUNDS.name) for arm in ("deep", "he")), margin=1.0, unit="s")
    verdict = verdict_of(part, TABLES)
    assert (verdict["verdict"], verdict["n"], verdict["effect"]) == ("reproduced", 4, 2.0)
    assert "paired by round" in verdict["rule"]


def test_a_document_s_number_stands_beside_the_table_it_names():
    one = Reported("E-060", "deep", final("spent"), 3.0, "doc", table=ROUNDS.name)
    (beside,) = compare_reported([one], TABLES)
    assert (beside["n"], beside["mean"], beside["unit"], beside["agrees"]) == (4, 3.0, "s", None)


def test_a_curve_runs_along_its_table_s_key():
    figure = CompareArms(("flat", "deep"), "spread", table=LAYERS.name)
    (ax,) = figure.draw(TABLES).axes
    assert ax.get_xlabel() == "layer"
    assert figure.caption.startswith("Spread over layers.")
    flat, deep = (line for line in ax.get_lines() if line.get_label() == "mean")
    assert deep.get_xdata().tolist() == [1, 2, 3]
    assert deep.get_ydata().tolist() == [1.5, 3.5, 7.0]
    assert flat.get_ydata().tolist() == [1.0] * 3


def test_runs_of_several_tables_stand_in_one_figure():
    modes = declare(Table("modes read", ("mode", "seed"), (column_of("test_accuracy"),), subject="mode"))
    tables = TABLES | {modes.name: pd.DataFrame({"mode": "wrong", "seed": [0, 1, 2], "test_accuracy": [0.1, 0.2, 0.3]})}
    (ax,) = EveryRun("test_accuracy", ("he", "wrong"), tables=("epochs", modes.name)).draw(tables).axes
    dots = [line.get_xdata().tolist() for line in ax.get_lines() if line.get_label() == "run"]
    assert sorted(dots) == [[0.1, 0.2, 0.3], [0.9, 0.8]]


def test_a_figure_whose_table_is_not_there_is_left_out(tmp_path):
    figure = CompareArms(("deep",), "spread", table=LAYERS.name)
    assert save_figures([figure], {"epochs": EPOCHS}, tmp_path) == []
    assert len(save_figures([figure], TABLES, tmp_path)) == 2
