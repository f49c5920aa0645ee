"""Beside a document's number: is it what one of our runs could have shown?

A document reports a single run, so it is compared with the interval that holds one further run of ours with
95 % probability, and not with the much narrower interval of our mean. To lie inside an interval that almost anything
lies in is no agreement: one wider than ±5 points says nothing (`WIDEST`).
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from jaxmlp.evidence.claims import READING_ERROR, Reported
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.planning import MINIMUM_RUNS
from jaxmlp.evidence.readings import MissingResultsError, check_rows, read
from jaxmlp.evidence.runs import Tables
from jaxmlp.evidence.statistics import pair_by_seed, prediction_interval

WIDEST = 0.05
"""The widest half of an interval of accuracies, or of their differences, in which a number agrees."""


def compare_reported(reported: Sequence[Reported], rows: Tables) -> list[dict[str, Any]]:
    """Our runs beside each reported number.

    Returns:
        Per number a dict of plain types: `ledger_id, arm, measure, unit, tag, reported` as declared; `n`, our
        `mean`, the 95 % prediction interval `low`, `high` for one run (widened by the reading error of the
        tag), and `agrees`: inside or not. They are None where they do not exist: below three runs, or where
        `missing` says what the results lack. Seconds are another machine's: they agree with nothing here. `wide` says
        that the number lies inside an interval wider than `WIDEST`: `agrees` is None then.

    Raises:
        InputError: rows without arm, seed or epoch, or with a run twice.

    >>> from jaxmlp.evidence import final, synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.979, 0.980, 0.981]}})
    >>> near, far = (Reported("E-003", "he", final("test_accuracy"), value, "doc") for value in (0.9774, 0.9))
    >>> [one["agrees"] for one in compare_reported([near, far], rows)]
    [True, False]
    """
    check_rows(rows)
    return [_compare(one, rows) for one in reported]


def _compare(one: Reported, rows: Tables) -> dict[str, Any]:
    declared = {
        "ledger_id": one.ledger_id,
        "arm": one.arm,
        "measure": str(one.measure) + ("" if one.baseline is None else f", gain on {one.baseline}"),
        "unit": one.measure.unit if one.baseline is None else "pp",
        "tag": one.tag,
        "reported": float(one.value),
    }
    try:
        numbers = _numbers(one, rows)
    except MissingResultsError as missing:
        nothing = dict.fromkeys(("mean", "low", "high", "agrees"))
        return {**declared, "n": 0, **nothing, "wide": False, "missing": str(missing)}
    interval = prediction_interval(numbers, reading_error=READING_ERROR[one.tag])
    known = math.isfinite(interval.high)
    inside = interval.low <= one.value <= interval.high
    wide = known and inside and declared["unit"] in ("accuracy", "pp") and interval.high - interval.low > 2 * WIDEST
    comparable = interval.n >= MINIMUM_RUNS and one.measure.unit != "s" and not wide
    return {
        **declared,
        "n": interval.n,
        "mean": interval.estimate,
        "low": interval.low if known else None,
        "high": interval.high if known else None,
        "agrees": inside if comparable else None,
        "wide": wide,
        "missing": None,
    }


def _numbers(one: Reported, rows: Tables) -> pd.Series:
    """One number per run [S], or per seed that both arms have."""
    arms = [one.arm] if one.baseline is None else [one.arm, one.baseline]
    own, *baseline = read([Value(arm, one.measure, one.table) for arm in arms], rows)
    if not baseline:
        return own
    own, other = pair_by_seed(own, baseline[0])
    if own.empty:
        raise MissingResultsError(f"arms {one.arm} and {one.baseline} have no seed in common")
    return own - other
