"""What a study's tables are: named, with declared keys, and columns that say what they mean.

    loss = Column("train_loss", "training loss", "nats", higher_is_better=False)
    EPOCHS = declare(Table("epochs", keys=("run_id", "epoch"), columns=(loss,), along="epoch"))

Whoever records something declares its table. Store, pages and verdicts read the declaration.
"""

from dataclasses import dataclass

import pandas as pd

from jaxmlp.errors import InputError, check_choice

IDENTITY = ("experiment", "arm", "run_id", "seed")
"""Columns that every row of a run has, before its table's own."""


@dataclass(frozen=True)
class Column:
    """One column of numbers or words, and what it means."""

    name: str
    title: str = ""
    """In words, such as "test accuracy"; by default the name with spaces."""
    unit: str = ""
    """"accuracy" for a share of examples, "nats", "s", "epochs", or "" for a number without a unit."""
    higher_is_better: bool | None = None
    """None where neither is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name.replace("_", " "))


@dataclass(frozen=True)
class Table:
    """A kind of rows: what makes one unique, and what it holds."""

    name: str
    keys: tuple[str, ...]
    """What makes a row unique. A table of runs begins with "run_id", and its rows have all of `IDENTITY`."""
    columns: tuple[Column, ...]
    subject: str = "arm"
    """The column that names what is compared."""
    pair: str = "seed"
    """Rows of two subjects with one value here belong together: they share their random draws, or their time."""
    along: str | None = None
    """The key that a curve runs along, such as "epoch"; None where a subject and its pair have one row."""
    source: str = ""
    """What makes a study have it, in words: "train with EvalSpec(log_every=50)"."""

    @property
    def of_runs(self) -> bool:
        """Whether its rows belong to single runs of the study."""
        return self.keys[0] == "run_id"

    @property
    def file(self) -> str:
        """Its file in a study's folder."""
        return table_file(self.name)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that its rows must have."""
        own = tuple(column.name for column in self.columns)
        identity = IDENTITY if self.of_runs else ()
        return tuple(dict.fromkeys((*identity, *self.keys, *own)))

    def check(self, rows: pd.DataFrame) -> None:
        """Raise `InputError` where rows lack a column, or have a key twice."""
        absent = [name for name in self.required if name not in rows]
        if absent:
            raise InputError(f"table {self.name} has no column {', '.join(absent)}: give {', '.join(self.required)}")
        repeated = rows.loc[rows.duplicated(list(self.keys)), list(self.keys)]
        if len(repeated):
            first = ", ".join(f"{key} {value}" for key, value in repeated.iloc[0].items())
            raise InputError(f"table {self.name} has {first} twice: give every row once")


def table_file(name: str) -> str:
    """The file of the table of this name in a study's folder."""
    return "results.parquet" if name == "epochs" else f"{name}.parquet"


TABLES: dict[str, Table] = {}
"""Every declared table, by name."""
COLUMNS: dict[str, Column] = {}
"""Every declared column, by name: one name means one thing in all tables."""


def declare(table: Table) -> Table:
    """Add a table to those that are known; returns it.

    Raises:
        InputError: another table of this name, a name that is no file's, or a column that means something else
            elsewhere.
    """
    if table.name == "results" or "/" in table.name or table.name.startswith("."):
        raise InputError(f"table {table.name!r} has no file of its own: give it another name")
    if TABLES.get(table.name, table) != table:
        raise InputError(f"there is another table {table.name!r}: give yours a name of its own")
    declare_columns(*table.columns)
    TABLES[table.name] = table
    return table


def declare_columns(*columns: Column) -> None:
    """Add columns to those whose meaning is known: all of them, or none where one is refused.

    Raises:
        InputError: a column that means something else elsewhere.
    """
    known = dict(COLUMNS)
    for column in columns:
        if known.setdefault(column.name, column) != column:
            raise InputError(f"column {column.name!r} means something else in another table: give it another name")
    COLUMNS.update(known)


def column_of(name: str) -> Column:
    """What a column means, in whatever table it stands; one that nobody declared is a number without a unit."""
    return COLUMNS.get(name, Column(name))


def table_named(name: str) -> Table:
    """The table of this name; raises `InputError` where none was declared."""
    check_choice("table", name, TABLES)
    return TABLES[name]
