"""Made-up results for the claims of an experiment: each claim is tried on tables whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.lab.ledger import load_ledger
from jaxmlp.evidence import judge, synthetic_rows
from jaxmlp.schema import table_named

UNTESTED = ("not_tested", "pending")
"""Of a claim whose arms are not there: `pending` where it waits for fresh seeds."""
VERDICTS = ("reproduced", "refuted", "inconclusive")
CLEAR, UNCLEAR = 0.0005, 0.05
"""Spread of the runs, as the largest distance from their mean: small enough to tell, or not."""


def table(levels, *, spread=CLEAR, n=30):
    """Arms by column to a level, or a curve of levels; runs lie evenly around it, in an order of each column's own.

    Their mean is exactly the level, so an unclear table whose effect stands at a claim's threshold decides nothing.
    """
    rng = np.random.default_rng(0)
    return {
        arm: {
            column: [_moved(level, distance) for distance in spread * rng.permutation(np.linspace(-1, 1, n))]
            for column, level in columns.items()
        }
        for arm, columns in levels.items()
    }


def _moved(level, distance):
    return [x + distance for x in level] if isinstance(level, list) else level + distance


def accuracies(**levels):
    """`test_accuracy` of each arm; names with other signs than letters go in as `accuracies(**{"300-150": 0.97})`."""
    return {arm: {"test_accuracy": level} for arm, level in levels.items()}


def made_up_tables(arms):
    """ "epochs" of arms by name; further tables of their subjects by (table, name), one number for each pair, or one
    list along what the table runs along, from 1.
    """
    tables = {"epochs": synthetic_rows({name: of for name, of in arms.items() if isinstance(name, str)})}
    if tables["epochs"].empty:
        tables["epochs"] = pd.DataFrame(columns=["arm", "seed", "epoch"])
    for table, name in [key for key in arms if isinstance(key, tuple)]:
        declared, columns = table_named(table), arms[table, name]
        pairs = range(len(next(iter(columns.values()))))
        rows = pd.DataFrame({"arm": name, declared.subject: name, declared.pair: pairs, **columns})
        if declared.along is not None:
            rows = rows.explode(list(columns)).astype(dict.fromkeys(columns, float))
            rows[declared.along] = rows.groupby(declared.pair).cumcount() + 1
        rows = rows.reindex(columns=list(declared.required))
        tables[table] = pd.concat([tables[table], rows]) if table in tables else rows
    return tables


def verdict_of(claims, claim_id, arms):
    """What the claim's rule says of these made-up runs, which have the seeds that it takes."""
    return row_of(claims, claim_id, arms)["verdict"]


def row_of(claims, claim_id, arms):
    """The whole row. A rule that waits for fresh seeds waits for as many as it requires, not as it plans."""
    (claim,) = (claim for claim in claims if claim.id == claim_id)
    claim = replace(claim, planned_n=claim.required_n)
    ledger = {claim_id: ("D0", load_ledger().claims[claim_id].statement)}
    tables = made_up_tables(arms)
    for name, rows in tables.items():
        pair = table_named(name).pair
        tables[name] = rows.assign(**{pair: rows[pair] + claim.first_seed})
    (verdict,) = judge([claim], tables, ledger=ledger, dataset="mnist", device="CPU", preset="full")
    return verdict
