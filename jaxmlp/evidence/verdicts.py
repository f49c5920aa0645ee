"""From claims and results to verdicts: the rows of `verdicts.json`.

A claim is judged part by part (`judging`), and its primary parts decide it: missing results come first, then a part
that is refuted, then one that is undecided, and it is reproduced only if every one is. Levels of a factor are compared
in the same order, but for `mixed`: reproduced at one and refuted at another. Rivals and reasons are judged and told
whatever the verdict is, and turn a reproduced claim into `other_cause`. All other parts are told, and those beyond the
document qualify the verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import SEED_BLOCK, Claim, Rival
from jaxmlp.evidence.judging import Outcome, judge_part
from jaxmlp.evidence.parts import Difference, Ordering, Probability
from jaxmlp.evidence.readings import check_rows
from jaxmlp.evidence.ruling import Judged, evidence_text, rule_text
from jaxmlp.evidence.runs import Tables, by_name
from jaxmlp.schema import TABLES

DOCUMENTS_DATA = ("mnist", "xor")
"""Datasets that the documents train on."""
MARGINS = {"half": 0.5, "double": 2.0}
"""Factors at which every margin is tried: a verdict that changes is `fragile`."""


def judge(
    claims: Sequence[Claim],
    rows: Tables,
    *,
    ledger: Mapping[str, tuple[str, str]],
    dataset: str,
    device: str,
    preset: str,
    amended: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """One verdict per claim, as written to `verdicts.json`.

    A claim is judged on the seeds of its own block (`Claim.first_seed`); in a preview, which says nothing on the
    document, an arm without any of these gives those it has.

    Args:
        claims: what the experiment declared.
        rows: the study's tables by name; one alone is "epochs", one row per run and epoch.
        ledger: document and statement of each claim, by its id.
        dataset: name of the dataset the rows come from.
        device: where they were computed, in words.
        preset: its name; see `is_preview`.
        amended: by claim, in words, every change of its rule after results had been seen.

    Returns:
        Per claim a dict of plain types. `effect`, `delta` and the interval are those of the part that decided
        the claim; `parts` holds those of every part, the rival or the reason last. Only `inconclusive` has
        `seeds_needed`, and None there means that no n up to 10,000 is known to decide it. `how` says what kind of no
        it is, `margins` the verdicts at half and double of every margin, `fragile` whether one differs, `qualified`
        what parts beyond the document say against it.

    Raises:
        InputError: a claim the ledger does not have; rows without arm, seed or epoch, or with a run twice.

    >>> from jaxmlp.evidence import Difference, Value, final, synthetic_rows
    >>> claim = Claim("C-900", (Difference(Value("he", final("test_accuracy")), 0.5, margin=0.01),), planned_n=3)
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98, 0.99]}})
    >>> ledger = {"C-900": ("D0", "It learns.")}
    >>> judge([claim], rows, ledger=ledger, dataset="mnist", device="CPU", preset="full")[0]["verdict"]
    'reproduced'
    """
    check_rows(rows)
    unknown = [claim.id for claim in claims if claim.id not in ledger]
    if unknown:
        raise InputError(f"claim {', '.join(unknown)} is not in the ledger: add it there or correct its id")
    run = {"dataset": dataset, "device": device, "preset": preset}
    preview = is_preview(dataset, preset)
    return [
        _row(claim, _own_seeds(claim, rows, preview), ledger[claim.id], run | {"preview": preview})
        | {"amended": list((amended or {}).get(claim.id, ()))}
        for claim in claims
    ]


def is_preview(dataset: str, preset: str) -> bool:
    """Whether a verdict says nothing about the document: the data are not its own, or the preset is not `full`.

    >>> is_preview("mnist", "full"), is_preview("digits", "full"), is_preview("mnist", "quick")
    (False, True, True)
    """
    return dataset not in DOCUMENTS_DATA or preset != "full"


def _own_seeds(claim: Claim, tables: Tables, preview: bool) -> Tables:
    """The rows of the claim's block of seeds, or rounds; in a preview, of a subject that has none there, all of its."""
    return {name: _own_rows(claim, rows, name, preview) for name, rows in by_name(tables).items()}


def _own_rows(claim: Claim, rows: pd.DataFrame, name: str, preview: bool) -> pd.DataFrame:
    declared = TABLES.get(name)
    if declared is None or not {declared.pair, declared.subject} <= set(rows):
        return rows
    own = rows[declared.pair] // SEED_BLOCK == claim.first_seed // SEED_BLOCK
    subjects = rows[declared.subject]
    return rows.loc[own | ~subjects.isin(list(subjects[own]))] if preview else rows.loc[own]


def _row(claim: Claim, rows: Tables, source: tuple[str, str], run: dict[str, Any]) -> dict[str, Any]:
    verdict, judged = _decide(claim, rows)
    fewest = min(one.outcome.n for one in judged if one.decides)
    if claim.first_seed and not run["preview"] and fewest < claim.planned_n:
        verdict, judged = "pending", [_unread(one, fewest, claim) for one in judged]
    others = {name: _decide(_scaled(claim, by), rows)[0] for name, by in MARGINS.items() if verdict != "pending"}
    # The part that decided: the first that shares the verdict, else (mixed, other_cause) the first of all.
    primary = [one for one in judged if one.decides]
    deciding = next((one for one in primary if one.verdict == verdict), primary[0])
    return {
        "claim": claim.id,
        "doc": source[0],
        "statement": source[1],
        "ours": claim.ours,
        "verdict": verdict,
        "how": _how(verdict, primary),
        "cause_found": _cause_found(claim) if verdict == "other_cause" else "",
        "margins": others,
        "fragile": any(other != verdict for other in others.values()),
        "qualified": _qualified(verdict, judged),
        **deciding.effect(),
        "planned_n": claim.planned_n,
        "first_seed": claim.first_seed,
        "rule": rule_text(claim, judged),
        "margin_reason": claim.margin_reason,
        "limits": claim.limits,
        "arms": list(dict.fromkeys(arm for one in judged for arm in one.part.arms)),
        "factor": claim.factor,
        "seeds_needed": _seeds_needed(verdict, judged),
        **{name: run[name] for name in ("dataset", "device", "preset")},
        "evidence": evidence_text(claim, judged),
        "preview": run["preview"],
        "parts": [one.fields() for one in judged],
    }


def _decide(claim: Claim, rows: Tables) -> tuple[str, list[Judged]]:
    judged = [
        Judged("part", part.kind, single, judge_part(single, claim, rows))
        for part in claim.parts
        for single in (part.differences() if isinstance(part, Ordering) else [part])
    ]
    primary = [one for one in judged if one.decides]
    verdict = _across_levels(primary)
    if claim.reason is not None:
        cause = Judged("reason", claim.reason.kind, claim.reason, judge_part(claim.reason, claim, rows))
        with_cause = {"refuted": "other_cause"}.get(cause.verdict, cause.verdict)
    elif claim.rival is not None:
        cause = _judge_rival(claim, claim.rival, primary[0], rows)
        with_cause = _with_rival(claim.rival, cause.verdict)
    else:
        return verdict, judged
    return with_cause if verdict == "reproduced" else verdict, [*judged, cause]


def _judge_rival(claim: Claim, rival: Rival, first: Judged, rows: Tables) -> Judged:
    """The first part again, on the rival's arms, against half of the effect that it had; none has no half."""
    half = 0.5 * max(float(first.outcome.effect or 0.0), 0.0)
    match first.part:
        case Difference():
            part = replace(first.part, a=rival.a, b=rival.b, margin=half)
        case Probability():
            part = replace(first.part, value=rival.a, bound=half)
        case _:
            raise TypeError(f"no rival of a {first.kind}: Claim refuses it")
    return Judged("rival", first.kind, part, judge_part(part, claim, rows))


def _with_rival(rival: Rival, half_remains: str) -> str:
    """The verdict of a reproduced claim: where the rival was removed, what remains speaks for the document."""
    if half_remains not in ("reproduced", "refuted"):
        return half_remains
    return "reproduced" if (half_remains == "reproduced") == rival.removed else "other_cause"


def _across_parts(verdicts: Sequence[str]) -> str:
    """All have to hold: the first of these verdicts that any part has is the verdict of all."""
    return next(one for one in ("not_tested", "refuted", "inconclusive", "reproduced") if one in verdicts)


def _across_levels(judged: Sequence[Judged]) -> str:
    """Each level on its own, then together: in the order of parts, unless levels are decided on both sides."""
    levels = dict.fromkeys(one.part.level for one in judged)
    found = {_across_parts([one.verdict for one in judged if one.part.level == level]) for level in levels}
    if {"reproduced", "refuted"} <= found and "not_tested" not in found:
        return "mixed"
    return _across_parts(list(found))


def _how(verdict: str, primary: Sequence[Judged]) -> str:
    """The kinds of no among the parts that decide, in their order."""
    hows = dict.fromkeys(one.how for one in primary if one.how)
    return " and ".join(hows) if verdict in ("refuted", "mixed") else ""


def _cause_found(claim: Claim) -> str:
    return claim.cause_found if claim.rival is None else claim.rival.cause


def _qualified(verdict: str, judged: Sequence[Judged]) -> list[str]:
    """What parts beyond the document say against a decided verdict."""
    against = {"reproduced": "refuted", "other_cause": "refuted", "refuted": "reproduced"}.get(verdict)
    return [
        f"{one.part.level or ', '.join(one.part.arms)}: {one.verdict}" + (f" ({one.how})" if one.how else "")
        for one in judged
        if one.role == "part" and one.part.scope == "beyond" and one.verdict == against
    ]


def _scaled(claim: Claim, factor: float) -> Claim:
    return replace(claim, parts=tuple(part.scaled(factor) for part in claim.parts))


def _unread(one: Judged, fewest: int, claim: Claim) -> Judged:
    """Nothing is looked at before the number of fresh seeds that was fixed with the rule has run."""
    evidence = (
        f"Declared anew after results had been seen: judged on seeds from {claim.first_seed} on alone, "
        f"{fewest} of {claim.planned_n} of which have run."
    )
    return replace(one, outcome=Outcome("pending", evidence, one.outcome.n))


def _seeds_needed(verdict: str, judged: Sequence[Judged]) -> int | None:
    if verdict != "inconclusive":
        return None
    open_ones = [one for one in judged if one.verdict == "inconclusive" and (one.decides or one.role != "part")]
    needed = [one.outcome.seeds_needed for one in open_ones]
    known = [n for n in needed if n is not None]
    return max(known) if known and len(known) == len(needed) else None
