"""Judge one part: read its numbers, take the interval, compare it with what the part declared.

A decision needs the whole interval on one side; anything else is `inconclusive`, with the seeds a decision
would need. A part that is refuted says how
(`HOWS`). The rules themselves are worded in `parts`, the intervals computed in `statistics`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from jaxmlp.evidence.claims import Claim
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.parts import (
    DIFFERENCE_LEVEL,
    EQUIVALENCE_LEVEL,
    PROBABILITY_LEVEL,
    Difference,
    Equivalence,
    Identity,
    Probability,
    SinglePart,
)
from jaxmlp.evidence.planning import (
    MINIMUM_RUNS,
    SHARE_RUNS,
    detectable_difference,
    detectable_share,
    seeds_for_mean,
    seeds_for_proportion,
)
from jaxmlp.evidence.readings import MissingResultsError, never_reached, read
from jaxmlp.evidence.runs import Tables
from jaxmlp.evidence.statistics import Interval, mcnemar, mean_interval, pair_by_seed, proportion_interval, two_groups
from jaxmlp.evidence.wording import measured, measured_gap, operand, share, span

HOWS = ("opposite", "absent", "smaller", "different", "counterexample", "not most", "order")
"""What kinds of no there are.

Of a difference: the interval lies on the other side of zero, or around zero within the margin, or elsewhere below the
margin. Of an equivalence or a "not worse": there is a difference. Of an identity: a run that breaks it. Of a share of
runs, and of an ordering: the statement itself fails.
"""


@dataclass(frozen=True)
class Outcome:
    """What the runs say of one part: verdict, effect with its interval, n, and the sentence that tells it.

    `seeds_needed` is None where the part is decided, or where no affordable number of seeds would decide it. `how` is
    one of `HOWS` where it is refuted. `detectable` is the least distance from the bound that so many runs, as unlike
    as these, would show with the power that is asked for; of a share the least share, and None where there is none.
    """

    verdict: str
    evidence: str
    n: int = 0
    effect: float | None = None
    interval: Interval | None = None
    seeds_needed: int | None = None
    how: str = ""
    detectable: float | None = None


def judge_part(part: SinglePart, claim: Claim, rows: Tables) -> Outcome:
    """The outcome of `part` on `rows`; `not_tested`, saying what is missing, where `rows` do not hold it."""
    try:
        match part:
            case Identity():
                return _judge_identity(part, rows)
            case Probability(bound=Value() as other):
                outcome = _judge_paired_probability(part, other, rows)
            case Probability():
                outcome = _judge_probability(part, rows)
            case _:
                outcome = _judge_means(part, claim, rows)
    except MissingResultsError as missing:
        return Outcome("not_tested", f"Missing: {missing}.")
    return _settle(outcome, required_runs(part, claim))


def required_runs(part: SinglePart, claim: Claim) -> int:
    """Below so many runs the part has no verdict: a share of runs needs more of them than a mean does."""
    of_runs = isinstance(part, Probability) and not isinstance(part.bound, Value)
    return max(claim.required_n, SHARE_RUNS) if of_runs else claim.required_n


def _judge_means(part: Difference | Equivalence, claim: Claim, rows: Tables) -> Outcome:
    a, b, note = _pair(part.a, part.b, rows)
    is_difference = isinstance(part, Difference)
    level = DIFFERENCE_LEVEL if is_difference else EQUIVALENCE_LEVEL
    interval = mean_interval(a - b, level)
    if is_difference:
        verdict = _decide(interval.is_above(part.margin), interval.is_below(part.margin))
        to_bound = abs(interval.estimate - part.margin)
    else:
        verdict = _decide(interval.is_within(part.margin), interval.is_outside(part.margin))
        to_bound = abs(abs(interval.estimate) - part.margin)
    # One run has no spread to plan with: what was promised stands.
    needed, detectable = claim.planned_n, None
    if interval.n > 1:
        spread = float(np.std(a - b, ddof=1))
        needed, detectable = seeds_for_mean(spread, to_bound, level), detectable_difference(spread, interval.n, level)
    other = operand(part.b, part.unit)
    if isinstance(part.b, Value):
        other = f"mean {other} {measured(b.mean(), part.unit)}"
    note += _never(part, rows) + _groups(part, a, b)
    evidence = (
        f"Mean {part.a} {measured(a.mean(), part.unit)}, {other}: difference "
        f"{measured_gap(interval.estimate, part.unit)}, {span(interval, level, part.unit)}.{note}"
    )
    how = _how(part, interval) if verdict == "refuted" else ""
    return Outcome(verdict, evidence, interval.n, interval.estimate, interval, needed, how, detectable)


def _how(part: Difference | Equivalence, interval: Interval) -> str:
    if isinstance(part, Equivalence) or part.margin < 0:
        return "different"
    if interval.is_below(0.0):
        return "opposite"
    return "absent" if not interval.is_above(0.0) and interval.is_within(part.margin) else "smaller"


def _judge_probability(part: Probability, rows: Tables) -> Outcome:
    (numbers,) = read([part.value], rows)
    happened = _happened(part, numbers)
    interval = proportion_interval(int(happened.sum()), len(happened), PROBABILITY_LEVEL)
    evidence = f"{happened.sum()} of {len(happened)} runs of {part.value.arm} have {part.event}"
    if interval.n >= MINIMUM_RUNS:
        evidence += f": {share(interval.estimate)}, {span(interval, PROBABILITY_LEVEL, part.effect_unit)}"
    needed = seeds_for_proportion(interval.estimate, part.delta, PROBABILITY_LEVEL)
    detectable = detectable_share(part.delta, interval.n, part.direction, PROBABILITY_LEVEL)
    verdict = _side(part, interval)
    how = "not most" if verdict == "refuted" else ""
    return Outcome(verdict, f"{evidence}.", interval.n, interval.estimate, interval, needed, how, detectable)


def _judge_paired_probability(part: Probability, other: Value, rows: Tables) -> Outcome:
    """Exact McNemar test: p < 5 % where the interval of the share among discordant pairs excludes 1/2."""
    a, b, note = _pair(part.value, other, rows)
    in_a, in_b = _happened(part, a), _happened(part, b)
    test = mcnemar(list(in_a), list(in_b))
    discordant = test.only_a + test.only_b
    evidence = (
        f"{in_a.sum()} of {len(a)} runs of {part.value.arm} and {in_b.sum()} of {other.arm} have "
        f"{part.event}; {test.only_a} pairs only in {part.value.arm}, {test.only_b} only in {other.arm}, "
        f"exact McNemar p = {test.p_value:.2g}.{note}"
    )
    if not discordant:
        return Outcome("inconclusive", evidence, len(a))
    interval = proportion_interval(test.only_a, discordant, PROBABILITY_LEVEL)
    evidence += (
        f" {part.value.arm} has {share(interval.estimate)} of the pairs that differ, "
        f"{span(interval, PROBABILITY_LEVEL, part.effect_unit)}."
    )
    pairs = seeds_for_proportion(interval.estimate, part.delta, PROBABILITY_LEVEL)
    needed = None if pairs is None else math.ceil(pairs * len(a) / discordant)
    verdict = _side(part, interval)
    how = "opposite" if verdict == "refuted" else ""
    return Outcome(verdict, evidence, len(a), interval.estimate, interval, needed, how)


def _judge_identity(part: Identity, rows: Tables) -> Outcome:
    a, b, note = _pair(part.a, part.b, rows)
    worst = float((a - b).abs().max())
    verdict = "reproduced" if worst <= part.tolerance else "refuted"
    evidence = (
        f"{part.a} and {operand(part.b, part.unit)} differ by at most {worst:.3g} {part.unit}".rstrip()
        + f" in {len(a)} runs.{note}"
    )
    return Outcome(verdict, evidence, len(a), worst, how="counterexample" if verdict == "refuted" else "")


def _pair(a: Value, b: Value | float, rows: Tables) -> tuple[pd.Series, pd.Series, str]:
    """`a` and `b` over their common seeds, and a sentence that says which seeds were left out."""
    if not isinstance(b, Value):
        (numbers,) = read([a], rows)
        return numbers, pd.Series(float(b), index=numbers.index), ""
    all_a, all_b = read([a, b], rows)
    numbers_a, numbers_b = pair_by_seed(all_a, all_b)
    if numbers_a.empty:
        raise MissingResultsError(f"arms {a.arm} and {b.arm} have no seed in common")
    left_out = sorted(all_a.index.symmetric_difference(all_b.index))
    note = f" Seeds {', '.join(map(str, left_out))} ran in one arm only and are left out." if left_out else ""
    return numbers_a, numbers_b, note


def _never(part: Difference | Equivalence, rows: Tables) -> str:
    """A sentence per side that says how many of its numbers are too small."""
    sides = [(side.arm, never_reached(side, rows)) for side in (part.a, part.b) if isinstance(side, Value)]
    return "".join(
        f" {count} runs of {arm} never get there: they count as one epoch longer than they were."
        for arm, count in sides
        if count
    )


def _groups(part: Difference | Equivalence, a: pd.Series, b: pd.Series) -> str:
    """A sentence per side whose accuracies fall in two groups, where no run is near the mean."""
    told = ""
    for side, sample in ((part.a, a), (part.b, b)):
        if not isinstance(side, Value) or side.measure.unit != "accuracy":
            continue
        if groups := two_groups(sample):
            low, high = (measured(median, "accuracy") for median in groups.medians)
            told += f" {groups.low} of {groups.n} runs of {side.arm} stand around {low}, the others around {high}."
    return told


def _happened(part: Probability, numbers: pd.Series) -> pd.Series:
    return numbers < part.threshold if part.side == "below" else numbers > part.threshold


def _side(part: Probability, interval: Interval) -> str:
    above, below = interval.is_above(part.delta), interval.is_below(part.delta)
    return _decide(above, below) if part.direction == "more" else _decide(below, above)


def _decide(holds: bool, fails: bool) -> str:
    if holds:
        return "reproduced"
    return "refuted" if fails else "inconclusive"


def _settle(outcome: Outcome, required: int) -> Outcome:
    """Too few runs decide nothing, and one or two have no interval; an undecided part needs at least one run more."""
    if outcome.n < MINIMUM_RUNS:
        runs = "1 run" if outcome.n == 1 else f"{outcome.n} runs"
        evidence = f"{outcome.evidence} {runs}: described, not judged."
        return Outcome("not_tested", evidence, outcome.n, outcome.effect)
    too_few = outcome.n < required
    if outcome.verdict != "inconclusive" and not too_few:
        return replace(outcome, seeds_needed=None)
    needed = outcome.seeds_needed
    if needed is not None:
        needed = max(needed, required, outcome.n + 1)
    why = f" Below {required} runs this is descriptive." if too_few else ""
    plan = f" About {needed} seeds would decide it." if needed else " No affordable n is known to decide it."
    evidence = f"{outcome.evidence}{why}{plan}"
    return replace(outcome, verdict="inconclusive", how="", seeds_needed=needed, evidence=evidence)
