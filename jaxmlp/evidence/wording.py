"""Numbers as a reader wants them: accuracies in percent, their differences in percentage points.

Only text is made here; the fields of a verdict keep the raw numbers (an accuracy is a fraction of 1).
"""

import math

from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.statistics import Interval
from jaxmlp.evidence.words import LN_SECONDS


def stated(number: float, unit: str) -> str:
    """A declared number, such as a threshold, without digits nobody wrote: 0.9774 is "97.74 %"."""
    return f"{100 * number:.6g} %" if unit == "accuracy" else f"{number:.6g} {unit}".rstrip()


def measured(number: float, unit: str) -> str:
    """A measured number with the digits that matter: 0.97713 is "97.71 %"."""
    if unit == LN_SECONDS:
        return f"ln {math.exp(number):.4g} s"
    return f"{100 * number:.2f} %" if unit == "accuracy" else f"{number:.4g} {unit}".rstrip()


def stated_gap(number: float, unit: str) -> str:
    """A declared difference: 0.1 is "10 percentage points"."""
    if unit == LN_SECONDS:
        return f"ln {math.exp(number):.4g}"
    return f"{100 * number:.6g} percentage points" if unit == "accuracy" else stated(number, unit)


def measured_gap(number: float, unit: str) -> str:
    """A measured difference: 0.7527 is "75.27 percentage points", and what rounds to 0 has no sign."""
    if unit == LN_SECONDS:
        return f"ln {math.exp(number):.3g}"
    return f"{100 * number:z.2f} percentage points" if unit == "accuracy" else measured(number, unit)


def share(number: float) -> str:
    """A share of runs: 0.9 is "90.0 %"."""
    return f"{100 * number:.1f} %"


def span(interval: Interval, level: float, unit: str) -> str:
    """An interval in words: "95 % interval 70.10 to 80.50 (Student t, n = 5)"."""
    if not math.isfinite(interval.high - interval.low):
        return f"no interval from n = {interval.n}"
    ends = [100 * end for end in (interval.low, interval.high)]
    if unit == "accuracy":
        text = f"{ends[0]:z.2f} to {ends[1]:z.2f}"
    elif unit == LN_SECONDS:
        text = f"ln {math.exp(interval.low):.3g} to ln {math.exp(interval.high):.3g}"
    elif unit.startswith("share"):
        text = f"{ends[0]:.1f} to {ends[1]:.1f} %"
    else:
        text = f"{interval.low:.4g} to {interval.high:.4g}"
    return f"{100 * level:.0f} % interval {text} ({interval.method}, n = {interval.n})"


def operand(side: Value | float, unit: str) -> str:
    """One side of a comparison: a value by its name, a constant by its number."""
    return str(side) if isinstance(side, Value) else f"the constant {stated(side, unit)}"


def joined(*sentences: str) -> str:
    """The sentences that there are, as one text."""
    return " ".join(sentence for sentence in sentences if sentence)
