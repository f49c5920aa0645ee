"""What tables and columns declare: one name means one thing, rows are checked, and what is read has a meaning."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from experiments.lab.measured import load_results
from experiments.lab.published import PUBLISHED
from experiments.lab.registry import EXPERIMENTS
from jaxmlp.errors import InputError
from jaxmlp.evidence import final
from jaxmlp.evidence.plotting import is_share, title_of
from jaxmlp.schema import COLUMNS, TABLES, Column, Table, column_of, declare, declare_columns, table_named
from jaxmlp.study.tables import ROW_COLUMNS
from jaxmlp.training import METRICS

SCORES = Table("scores of a test", keys=("run_id", "round"), columns=(Column("score"),))
ROWS = pd.DataFrame(
    {"experiment": "e", "arm": "a", "run_id": ["r", "r", "s"], "seed": 0, "round": [1, 2, 1], "score": [0.1, 0.2, 0.3]}
)


def test_another_table_of_one_name_is_refused():
    epochs = table_named("epochs")
    assert declare(epochs) is epochs  # once more, the same
    with pytest.raises(InputError, match="another table 'epochs': give yours a name of its own"):
        declare(dataclasses.replace(epochs, keys=("run_id",)))
    assert table_named("epochs") == epochs


def test_a_table_with_a_column_that_means_something_else_is_refused_whole():
    wrong = (Column("fresh"), Column("train_loss", "something else"))
    with pytest.raises(InputError, match="column 'train_loss' means something else"):
        declare(Table("refused", keys=("run_id",), columns=wrong))
    assert "refused" not in TABLES
    assert "fresh" not in COLUMNS
    assert column_of("train_loss").title == "training loss"


@pytest.mark.parametrize("name", ["results", "a/b", ".hidden"])
def test_a_table_without_a_file_of_its_own_is_refused(name):
    with pytest.raises(InputError, match="has no file of its own: give it another name"):
        declare(dataclasses.replace(SCORES, name=name))
    assert name not in TABLES


def test_two_columns_of_one_table_that_disagree_are_refused():
    with pytest.raises(InputError, match="column 'twice' means something else"):
        declare_columns(Column("twice"), Column("twice", unit="s"))
    assert "twice" not in COLUMNS


def test_a_table_that_nobody_declared_is_refused():
    with pytest.raises(InputError, match="epochs"):
        table_named("eras")


def test_rows_with_all_columns_and_every_key_once_pass():
    SCORES.check(ROWS)


@pytest.mark.parametrize("column", ["arm", "round", "score"])
def test_a_missing_column_is_named(column):
    with pytest.raises(InputError, match=f"scores of a test has no column {column}: give experiment, arm, run_id"):
        SCORES.check(ROWS.drop(columns=column))


def test_a_repeated_key_is_named():
    with pytest.raises(InputError, match="has run_id r, round 2 twice"):
        SCORES.check(pd.concat([ROWS, ROWS.iloc[[1]]]))


def test_a_study_s_rows_begin_with_what_its_table_declares():
    assert ("experiment", "arm", "run_id", "seed", "epoch", *METRICS) == ROW_COLUMNS


@pytest.mark.parametrize(
    ("name", "title", "share", "unit"),
    [
        ("train_loss", "training loss", False, ""),
        ("val_accuracy", "validation accuracy", True, "accuracy"),
        ("batch_accuracy", "batch accuracy", True, "accuracy"),
        ("learning_rate", "learning rate", False, ""),
        ("selected_epoch", "selected epoch", False, ""),
        ("seconds_per_run", "seconds per run", False, "s"),
        ("log_seconds_per_epoch", "log seconds per epoch", False, ""),
        ("undeclared_accuracy", "undeclared accuracy", False, ""),  # a name alone says nothing
    ],
)
def test_figures_and_measures_read_what_a_column_declares(name, title, share, unit):
    assert (title_of(name), is_share(name), final(name).unit) == (title, share, unit)


def columns_read_by(declared: Any) -> Iterator[str]:
    """Every column that a claim, a figure or a document's number names, however deep."""
    if isinstance(declared, tuple | list):
        for one in declared:
            yield from columns_read_by(one)
    elif dataclasses.is_dataclass(declared):
        for field in dataclasses.fields(declared):
            value = getattr(declared, field.name)
            if field.name in ("column", "minus", "beside") and isinstance(value, str):
                yield value
            yield from columns_read_by(value)


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_what_an_experiment_reads_has_a_declared_meaning(experiment):
    read = set(columns_read_by((experiment.claims, experiment.figures, experiment.reported)))
    assert read or not experiment.claims, "a claim reads something"
    assert read <= COLUMNS.keys()


def test_every_published_table_is_declared():
    tables = [pd.read_parquet(file) for file in sorted(PUBLISHED.glob("*/measured.parquet"))]
    assert tables
    own = {column for table in tables for column in table} - {"arm", "seed", "epoch", "runs"}
    assert own <= COLUMNS.keys()
    for path in PUBLISHED.glob("*/manifest.json"):
        assert load_results(path.parent).tables.keys() <= TABLES.keys()
