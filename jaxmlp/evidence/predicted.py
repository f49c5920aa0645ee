"""Beside a law's number: does the 95 % interval of what was measured hold it?

A law is a formula with conditions, mostly those of wide nets. So it stands beside several sizes, and where its number
lies outside, the reason that was declared before stands beside it, most often a second formula that is exact.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxmlp.errors import InputError
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.planning import MINIMUM_RUNS
from jaxmlp.evidence.readings import MissingResultsError, check_rows, read
from jaxmlp.evidence.runs import Tables
from jaxmlp.evidence.statistics import Interval, mean_interval, proportion_interval


@dataclass(frozen=True)
class Predicted:
    """The number that a law gives for one size, declared before the runs.

    Raises:
        InputError: a number that is not finite, or a band that is not above 0.

    >>> from jaxmlp.evidence import Value, final
    >>> Predicted("drift", "−5/(2n)", "n = 64", -5 / 128, Value("n_64", final("train_loss"))).name
    'drift, −5/(2n), n = 64'
    """

    law: str
    """What it is about, in words; a page has one figure a law."""
    formula: str
    size: str
    """What the number belongs to, such as "n = 64"."""
    value: float
    measured: Value
    of: Value | None = None
    """Where `measured` counts successes: how many there were, start by start; the share of all is compared."""
    band: float | None = None
    """How exact the law itself is, a share of its number: 0.1 where it holds to ten per cent. None: to the interval."""
    limits: str = ""
    """Why the number may lie outside, if it does: declared before, and told there alone."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError(f"law {self.name} predicts {self.value}: give a finite number")
        if self.band is not None and not self.band > 0:
            raise InputError(f"law {self.name} has the band {self.band}: give a number above 0, or none")

    @property
    def name(self) -> str:
        """What it is called where rules are listed."""
        return f"{self.law}, {self.formula}, {self.size}"


def compare_predicted(predicted: Sequence[Predicted], rows: Tables) -> list[dict[str, Any]]:
    """What was measured beside each law's number.

    Returns:
        Per number a dict of plain types: `law, formula, size, predicted` as declared; `n`, the mean or share
        `measured`, its 95 % interval `low`, `high`; `inside`, whether that holds the number; `in_band`, whether all of
        it lies within the law's own band, None without one; `reason`, where it is outside. None where there are fewer
        than three runs, or where `missing` says what the results lack.

    Raises:
        InputError: rows without arm, seed or epoch, or with a run twice.

    >>> from jaxmlp.evidence import Value, final, synthetic_rows
    >>> loss = Predicted("loss at the start", "ln K", "K = 10", 2.303, Value("small", final("train_loss")))
    >>> (found,) = compare_predicted([loss], synthetic_rows({"small": {"train_loss": [2.29, 2.30, 2.31]}}))
    >>> found["n"], found["inside"]
    (3, True)
    """
    check_rows(rows)
    return [_beside_law(one, rows) for one in predicted]


def inside_text(one: Mapping[str, Any]) -> str:
    """Whether a row of `compare_predicted` confirms its law, in words."""
    if one["inside"] is None:
        return f"– {one['missing'] or 'too few runs'}"
    if one["inside"]:
        return "✓ inside"
    near = "✓ within the law's band, outside of the interval" if one["in_band"] else "✗ outside"
    return f"{near}: {one['reason']}" if one["reason"] else near


def predicted_table(found: Sequence[Mapping[str, Any]]) -> str:
    """In Markdown: law, formula, size, the number, what was measured with its interval, n, and whether it is inside.

    Args:
        found: rows of `compare_predicted`.

    >>> from jaxmlp.evidence import Value, final, synthetic_rows
    >>> loss = Predicted("loss at the start", "ln K", "K = 10", 2.303, Value("small", final("train_loss")))
    >>> rows = synthetic_rows({"small": {"train_loss": [2.29, 2.30, 2.31]}})
    >>> print(predicted_table(compare_predicted([loss], rows)).splitlines()[-1])
    | loss at the start | ln K | K = 10 | 2.303 | 2.3 [2.275, 2.325] | 3 | ✓ inside |
    """
    lines = ["| law | formula | size | predicted | measured [95 %] | n | inside |", "|---|---|---|---|---|---|---|"]
    for one in found:
        cells = (one["law"], one["formula"], one["size"], *number_texts(one), f"{one['n']:,}", inside_text(one))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def number_texts(one: Mapping[str, Any]) -> tuple[str, str]:
    """(The law's number, the measured one with its interval), to as many digits as the interval needs."""
    if one["measured"] is None:
        return _digits(one["predicted"], 3), "–"
    width = (one["high"] - one["low"]) if one["low"] is not None else 0.0
    largest = max(abs(one["measured"]), abs(one["predicted"]))
    digits = 3 if not 0 < width < largest else min(8, 2 + math.ceil(math.log10(largest / width)))
    told = _digits(one["measured"], digits)
    if one["low"] is not None:
        told += f" [{_digits(one['low'], digits)}, {_digits(one['high'], digits)}]"
    return _digits(one["predicted"], digits), told


def _digits(number: float, digits: int) -> str:
    return f"{number:.{max(3, digits)}g}".replace("-", "−")


def _beside_law(one: Predicted, rows: Tables) -> dict[str, Any]:
    declared = {"law": one.law, "formula": one.formula, "size": one.size, "predicted": float(one.value)}
    nothing = {"n": 0} | dict.fromkeys(("measured", "low", "high", "inside", "in_band")) | {"reason": ""}
    try:
        interval = _measured(one, rows)
    except MissingResultsError as missing:
        return {**declared, **nothing, "missing": str(missing)}
    found = {**declared, **nothing, "n": interval.n, "measured": interval.estimate, "missing": None}
    if interval.n < MINIMUM_RUNS:
        return found
    inside = interval.low <= one.value <= interval.high
    band = None if one.band is None else one.band * abs(one.value)
    in_band = None if band is None else one.value - band <= interval.low and interval.high <= one.value + band
    ends = {"low": interval.low, "high": interval.high, "inside": inside, "in_band": in_band}
    return {**found, **ends, "reason": "" if inside else one.limits}


def _measured(one: Predicted, rows: Tables) -> Interval:
    """Of a mean over runs; of a share of all that was counted, by Clopper and Pearson."""
    if one.of is None:
        (numbers,) = read([one.measured], rows)
        return mean_interval(numbers)
    happened, all_of = read([one.measured, one.of], rows)
    return proportion_interval(int(happened.sum()), int(all_of.sum()))
