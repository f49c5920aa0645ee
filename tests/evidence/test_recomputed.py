"""Every published effect, interval and verdict once more, from the published tables, by a short program of its own.

It takes from the project what was declared (which arm, which number of a run, which margin) and nothing of how it is
judged: numbers of runs, tuned and averaged arms, intervals and the order of verdicts are written again, with NumPy,
pandas and SciPy alone.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.lab.measured import load_results
from experiments.lab.published import PUBLISHED
from experiments.lab.registry import EXPERIMENTS
from jaxmlp.schema import TABLES, table_named

STUDIES = {
    name: one for name, one in EXPERIMENTS.items() if one.claims and (PUBLISHED / name / "results.parquet").is_file()
}
CLOSE = {"rel": 1e-5, "abs": 1e-6}
"""Tables hold float32, and a sum taken in another order differs in its last digits."""


# The tables, with arms that are means of others, or the best of several by the validation accuracy of other seeds.


def tables(name, experiment):
    found = load_results(PUBLISHED / name).tables
    rows = found["epochs"]
    for means_first in (True, False):
        rows = pd.concat([rows, *means(rows, experiment.averaged)], ignore_index=True)
        if means_first:
            rows = pd.concat([rows, *chosen(rows, experiment.tuned)], ignore_index=True)
    return {**found, "epochs": rows}


def means(rows, averaged):
    for name, arms in averaged.items():
        own = rows[rows["arm"].isin(arms)]
        if name in set(rows["arm"]) or set(own["arm"]) != set(arms):
            continue
        groups = own.groupby(["seed", "epoch"])
        columns = [column for column in ("test_accuracy", "val_accuracy", "train_accuracy") if column in own]
        mean = groups[columns].mean()[groups.size() == len(arms)].reset_index()
        yield mean.assign(arm=name, diverged=False, selected_epoch=mean["epoch"].max())


def chosen(rows, tuned):
    for name, arms in tuned.items():
        own = rows[rows["arm"].isin(arms)]
        if set(own["arm"]) != set(arms):
            continue
        selected = own.sort_values("epoch").groupby(["arm", "seed"]).apply(val_of_selected, include_groups=False)
        for half in (0, 1):
            other = selected[selected.index.get_level_values("seed") % 2 != half].groupby("arm").mean()
            best = max(arms, key=lambda arm: (other[arm], -arms.index(arm)))
            yield own[(own["arm"] == best) & (own["seed"] % 2 == half)].assign(arm=name)


def val_of_selected(run):
    epoch = run["epoch"].iloc[-1] if run["diverged"].iloc[-1] else run["selected_epoch"].iloc[-1]
    return float(run.loc[run["epoch"] == epoch, "val_accuracy"].iloc[0])


# One number of every run.


def number(run, measure):
    if measure.minus is not None:
        run = run.assign(**{measure.column: run[measure.column] - run[measure.minus]})
    curve = run.set_index("epoch")[measure.column]
    trained = curve[curve.index >= 1]
    peak = trained if measure.beside is None else run.set_index("epoch")[measure.beside].loc[lambda one: one.index >= 1]
    match measure.when:
        case "final":
            return curve.iloc[-1]
        case "at":
            return curve.loc[measure.epoch]
        case "best":
            return curve.max()
        case "lowest":
            return curve.min()
        case "largest drop of":
            return max(0.0, (-trained.diff()).max())
        case "fall from its best of":
            return trained.max() - trained.iloc[-1]
        case "best epoch of":
            return peak.idxmax()
        case "at the best":
            return curve.loc[peak.idxmax()]
        case "change since":
            return curve.iloc[-1] - curve.loc[measure.epoch]
        case "fluctuation since":
            return curve[curve.index >= measure.epoch].diff().diff().std() / np.sqrt(3)
        case "reached":
            there = curve.index[curve >= measure.threshold]
            if there.empty:
                return curve.index[-1] + 1
            before = curve[curve.index < there[0]].tail(1).dropna()
            ends = [*before, curve[there[0]]], [*before.index, there[0]]
            return np.interp(measure.threshold, *ends)
        case "smallest gain after a cut of":
            piece = (peak.diff() < 0).cumsum()
            best = trained.groupby(piece).max()
            return (best - best.cummax().shift()).iloc[1 : measure.count + 1].min() if len(best) > 1 else 0.0
    raise AssertionError(f"teach this test to read {measure}")


def numbers(rows, value):
    if not hasattr(value, "arm"):
        return value
    declared = table_named(value.table)
    if value.table not in rows:
        return pd.Series(dtype=float)
    own = rows[value.table]
    own = own[own[declared.subject] == value.arm].assign(epoch=lambda one: one[declared.along] if declared.along else 0)
    runs = own.sort_values("epoch").groupby(declared.pair)
    return pd.Series({seed: float(number(run, value.measure)) for seed, run in runs}, dtype=float)


# Intervals, and what they decide.


def interval_of(sample, level):
    n, mean = len(sample), np.mean(sample)
    if np.ptp(sample) <= 1e-12 * np.max(np.abs(sample)):
        return mean, mean
    if n < 30:
        return stats.t.interval(level, n - 1, mean, stats.sem(sample))
    rng = np.random.default_rng(0)
    ends = stats.bootstrap(
        (np.sort(sample),), np.mean, confidence_level=level, n_resamples=9999, method="BCa", rng=rng
    ).confidence_interval
    return ends.low, ends.high


def share_of(k, n):
    low = stats.beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return low, high


def judged(part, rows, required):
    """Verdict, effect, interval and n of one part."""
    match part.kind:
        case "probability":
            sample = numbers(rows, part.value)
            happened = sample < part.threshold if part.side == "below" else sample > part.threshold
            n, effect = len(sample), happened.mean() if len(sample) else None
            if not n:
                return "not_tested", None, None, 0
            ends = share_of(happened.sum(), n)
            holds, fails = ends[0] > part.bound, ends[1] < part.bound
            holds, fails = (holds, fails) if part.direction == "more" else (fails, holds)
            required = max(required, 12)
        case _:
            sample = (numbers(rows, part.a) - numbers(rows, part.b)).dropna()
            n = len(sample)
            if not n:
                return "not_tested", None, None, 0
            if part.kind == "identity":
                effect = sample.abs().max()
                return ("reproduced" if effect <= part.tolerance else "refuted"), effect, None, n
            effect = sample.mean()
            equivalence = part.kind == "equivalence"
            ends = interval_of(sample.to_numpy(), 0.90 if equivalence else 0.95) if n > 1 else (-np.inf, np.inf)
            if equivalence:
                holds = -part.margin < ends[0] and ends[1] < part.margin
                fails = ends[0] > part.margin or ends[1] < -part.margin
            else:
                holds, fails = ends[0] > part.margin, ends[1] < part.margin
    if n < 3:
        return "not_tested", effect, None, n
    verdict = "reproduced" if holds else "refuted" if fails else "inconclusive"
    return ("inconclusive" if n < required else verdict), effect, ends, n


def first_of(verdicts):
    return next(one for one in ("not_tested", "refuted", "inconclusive", "reproduced") if one in verdicts)


def decided(claim, parts, cause):
    """The claim's verdict from those of its primary parts, and of the cause."""
    levels = {}
    for part, verdict in parts:
        levels.setdefault(part.level, []).append(verdict)
    found = {first_of(verdicts) for verdicts in levels.values()}
    if {"reproduced", "refuted"} <= found and "not_tested" not in found:
        return "mixed"
    verdict = first_of(found)
    if verdict != "reproduced" or cause is None:
        return verdict
    other = "refuted" if claim.reason is not None or claim.rival.removed else "reproduced"
    if cause not in ("reproduced", "refuted"):
        return cause
    return "other_cause" if cause == other else "reproduced"


def singles(claim):
    for part in claim.parts:
        yield from (part.differences() if part.kind == "ordering" else [part])


def rival_of(claim, effect):
    first, half = next(one for one in singles(claim) if one.scope == "primary"), 0.5 * max(effect or 0.0, 0.0)
    if first.kind == "probability":
        return replace(first, value=claim.rival.a, bound=half)
    return replace(first, a=claim.rival.a, b=claim.rival.b, margin=half)


def recomputed(claim, rows):
    own = {
        name: table[table[table_named(name).pair] // 1000 == claim.first_seed // 1000]
        for name, table in rows.items()
        if name in TABLES and TABLES[name].pair in table
    }
    parts = [(part, *judged(part, own, claim.required_n)) for part in singles(claim)]
    primary = [one for one in parts if one[0].scope == "primary"]
    cause = []
    if claim.reason is not None:
        cause = [(claim.reason, *judged(claim.reason, own, claim.required_n))]
    elif claim.rival is not None:
        rival = rival_of(claim, primary[0][2])
        cause = [(rival, *judged(rival, own, claim.required_n))]
    verdict = decided(claim, [one[:2] for one in primary], cause[0][1] if cause else None)
    if claim.first_seed and min(one[4] for one in primary) < claim.planned_n:
        verdict = "pending"
    return verdict, [*parts, *cause]


@pytest.mark.parametrize("name", STUDIES)
def test_every_published_verdict_follows_from_the_published_tables(name):
    rows = tables(name, STUDIES[name])
    published = {one["claim"]: one for one in json.loads((PUBLISHED / name / "verdicts.json").read_text("utf-8"))}
    assert list(published) == [claim.id for claim in STUDIES[name].claims]
    for claim in STUDIES[name].claims:
        told = published[claim.id]
        verdict, parts = recomputed(claim, rows)
        assert told["verdict"] == verdict, claim.id
        if verdict == "pending":
            assert {part["effect"] for part in told["parts"]} == {None}
            continue
        assert len(told["parts"]) == len(parts)
        for one, (part, verdict, effect, ends, n) in zip(told["parts"], parts, strict=True):
            assert (one["verdict"], one["n"]) == (verdict, n), (claim.id, part)
            assert one["effect"] == (None if effect is None else pytest.approx(effect, **CLOSE))
            low_high = [one["ci_low"], one["ci_high"]]
            assert low_high == ([None, None] if ends is None else pytest.approx(list(ends), **CLOSE))
            assert one["delta"] == pytest.approx(part.delta)


def test_every_published_study_with_claims_is_recomputed():
    there = {path.parent.name for path in PUBLISHED.glob("*/verdicts.json") if json.loads(path.read_text("utf-8"))}
    assert there == set(STUDIES)
