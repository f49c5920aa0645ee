"""From claims and results to verdicts: the rows of `verdicts.json`.

A claim is judged part by part (`judging`) and reproduced only if every part is. Missing results come first,
then a part that is refuted, then one that is undecided. The levels of a factor are compared after that, and a
reproduced claim is held against its rival cause, or against the reason it gives, last. That reason is judged and told
even where it no longer decides.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Claim, Rival
from jaxmlp.evidence.judging import Outcome, judge_part
from jaxmlp.evidence.measures import check_rows
from jaxmlp.evidence.parts import Difference, Ordering, Probability, SinglePart
from jaxmlp.evidence.runs import Tables

DOCUMENTS_DATA = ("mnist", "xor")
"""Datasets that the documents train on."""
VERDICTS = ("reproduced", "refuted", "other_cause", "mixed", "inconclusive", "not_tested")


@dataclass(frozen=True)
class _Judged:
    """A part beside its outcome; `kind` is the declared one, which an ordering's differences inherit."""

    role: str
    kind: str
    part: SinglePart
    outcome: Outcome

    @property
    def verdict(self) -> str:
        return self.outcome.verdict

    def effect(self) -> dict[str, Any]:
        """What was measured against what was declared: plain types, None where there is no number."""
        interval = self.outcome.interval
        return {
            "kind": self.kind,
            "effect": self.outcome.effect,
            "unit": self.part.effect_unit,
            "delta": float(self.part.delta),
            "ci_low": _finite(interval.low) if interval else None,
            "ci_high": _finite(interval.high) if interval else None,
            "n": self.outcome.n,
        }

    def fields(self) -> dict[str, Any]:
        """The part's entry in the `parts` of its claim."""
        return {
            "role": self.role,
            "level": self.part.level,
            "verdict": self.verdict,
            **self.effect(),
            "rule": self.part.rule,
            "arms": list(self.part.arms),
            "seeds_needed": self.outcome.seeds_needed,
            "evidence": self.outcome.evidence,
        }


def judge(
    claims: Sequence[Claim],
    rows: Tables,
    *,
    ledger: Mapping[str, tuple[str, str]],
    dataset: str,
    device: str,
    preset: str,
) -> list[dict[str, Any]]:
    """One verdict per claim, as written to `verdicts.json`.

    Args:
        claims: what the experiment declared.
        rows: the study's tables by name; one alone is "epochs", one row per run and epoch.
        ledger: document and statement of each claim, by its id.
        dataset: name of the dataset the rows come from.
        device: where they were computed, in words.
        preset: its name; see `is_preview`.

    Returns:
        Per claim a dict of plain types. `effect`, `delta` and the interval are those of the part that decided
        the claim; `parts` holds those of every part, the rival or the reason last. Only `inconclusive` has
        `seeds_needed`, and None there means that no n up to 10,000 is known to decide it.

    Raises:
        InputError: a claim the ledger does not have; rows without arm, seed or epoch, or with a run twice.
    """
    check_rows(rows)
    unknown = [claim.id for claim in claims if claim.id not in ledger]
    if unknown:
        raise InputError(f"claim {', '.join(unknown)} is not in the ledger: add it there or correct its id")
    run = {"dataset": dataset, "device": device, "preset": preset}
    return [_row(claim, rows, ledger[claim.id], run) for claim in claims]


def is_preview(dataset: str, preset: str) -> bool:
    """Whether a verdict says nothing on the document: not on its data, or not at its size, the preset `full`."""
    return dataset not in DOCUMENTS_DATA or preset != "full"


def _row(claim: Claim, rows: Tables, source: tuple[str, str], run: dict[str, str]) -> dict[str, Any]:
    verdict, judged = _decide(claim, rows)
    # The part that decided: the first that shares the verdict, else (mixed, other_cause) the first of all.
    deciding = next((one for one in judged if one.verdict == verdict), judged[0])
    return {
        "claim": claim.id,
        "doc": source[0],
        "statement": source[1],
        "verdict": verdict,
        **deciding.effect(),
        "rule": _rule(claim, judged),
        "arms": list(dict.fromkeys(arm for one in judged for arm in one.part.arms)),
        "factor": claim.factor,
        "seeds_needed": _seeds_needed(verdict, judged),
        **run,
        "evidence": _evidence(claim, judged),
        "preview": is_preview(run["dataset"], run["preset"]),
        "parts": [one.fields() for one in judged],
    }


def _decide(claim: Claim, rows: Tables) -> tuple[str, list[_Judged]]:
    judged = [
        _Judged("part", part.kind, single, judge_part(single, claim, rows))
        for part in claim.parts
        for single in (part.differences() if isinstance(part, Ordering) else [part])
    ]
    verdict = _across_levels(judged)
    if claim.reason is not None:
        reason = _Judged("reason", claim.reason.kind, claim.reason, judge_part(claim.reason, claim, rows))
        if verdict == "reproduced":
            verdict = {"refuted": "other_cause"}.get(reason.verdict, reason.verdict)
        return verdict, [*judged, reason]
    if verdict != "reproduced" or claim.rival is None:
        return verdict, judged
    rival = _judge_rival(claim, claim.rival, judged[0], rows)
    if_half_remains = {"reproduced": "other_cause", "refuted": "reproduced"}
    return if_half_remains.get(rival.verdict, rival.verdict), [*judged, rival]


def _judge_rival(claim: Claim, rival: Rival, first: _Judged, rows: Tables) -> _Judged:
    """The first part again, on the rival's arms, against half of the effect that the first part had."""
    half = 0.5 * float(first.outcome.effect or 0.0)
    match first.part:
        case Difference():
            part = replace(first.part, a=rival.a, b=rival.b, margin=half)
        case Probability():
            part = replace(first.part, value=rival.a, bound=half)
        case _:
            raise TypeError(f"no rival of a {first.kind}: Claim refuses it")
    return _Judged("rival", first.kind, part, judge_part(part, claim, rows))


def _across_parts(verdicts: Sequence[str]) -> str:
    """All have to hold: the first of these verdicts that any part has is the verdict of all."""
    return next(one for one in ("not_tested", "refuted", "inconclusive", "reproduced") if one in verdicts)


def _across_levels(judged: Sequence[_Judged]) -> str:
    """Each level on its own, then together; refuted beside undecided may yet be mixed, so it is undecided."""
    levels = dict.fromkeys(one.part.level for one in judged)
    found = {_across_parts([one.verdict for one in judged if one.part.level == level]) for level in levels}
    if len(found) == 1:
        return found.pop()
    if "not_tested" in found:
        return "not_tested"
    return "mixed" if {"reproduced", "refuted"} <= found else "inconclusive"


def _seeds_needed(verdict: str, judged: Sequence[_Judged]) -> int | None:
    if verdict != "inconclusive":
        return None
    needed = [one.outcome.seeds_needed for one in judged if one.verdict == "inconclusive"]
    known = [n for n in needed if n is not None]
    return max(known) if len(known) == len(needed) else None


def _rule(claim: Claim, judged: Sequence[_Judged]) -> str:
    parts = [one for one in judged if one.role == "part"]
    text = _numbered([_at_level(one, one.part.rule) for one in parts])
    if len(parts) > 1:
        at = " at a level" if claim.factor is not None else ""
        text = f"reproduced{at} only if every part is, refuted if any is, else inconclusive: {text}"
    if claim.factor is not None:
        text = (
            f"by {claim.factor}: mixed where reproduced at one level and refuted at another, inconclusive where "
            f"decided at one and not at another; {text}"
        )
    if claim.rival is not None:
        text += f"; other_cause where at least half of the effect, by its interval, remains: {claim.rival.cause}"
    if claim.reason is not None:
        text += f"; other_cause where the reason given is refuted: {claim.reason.rule}"
    # An identity is exact: it needs no spread of runs.
    exact = all(one.kind == "identity" for one in parts)
    return f"{text} (planned n = {claim.planned_n}{'' if exact else f', descriptive below {claim.required_n}'})"


def _evidence(claim: Claim, judged: Sequence[_Judged]) -> str:
    text = _numbered([_at_level(one, one.outcome.evidence) for one in judged if one.role == "part"])
    rival = [one.outcome.evidence for one in judged if one.role == "rival"]
    if claim.rival is not None and rival:
        text += f" Rival, {claim.rival.cause}: {rival[0]}"
    text += "".join(f" The reason given: {one.outcome.evidence}" for one in judged if one.role == "reason")
    fewest = min(one.outcome.n for one in judged)
    return f"{text} n = {fewest}, planned {claim.planned_n}." if fewest not in (0, claim.planned_n) else text


def _at_level(one: _Judged, text: str) -> str:
    return text if one.part.level is None else f"{one.part.level}: {text}"


def _numbered(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else " ".join(f"({i}) {text}" for i, text in enumerate(texts, 1))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
