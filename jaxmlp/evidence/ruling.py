"""Parts beside their outcomes, and a claim's rule and evidence in words: the texts of `verdicts.json`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxmlp.evidence.claims import Claim
from jaxmlp.evidence.judging import Outcome
from jaxmlp.evidence.parts import SinglePart

SCOPE_TEXTS = {"primary": "", "beside": "told beside, ", "beyond": "beyond the document, "}


@dataclass(frozen=True)
class Judged:
    """A part beside its outcome; `kind` is the declared one, which an ordering's differences inherit."""

    role: str
    kind: str
    part: SinglePart
    outcome: Outcome

    @property
    def verdict(self) -> str:
        """Of the part alone."""
        return self.outcome.verdict

    @property
    def how(self) -> str:
        """The kind of no, of an ordering's difference too."""
        return "order" if self.outcome.how and self.kind == "ordering" else self.outcome.how

    @property
    def decides(self) -> bool:
        """Whether it is a primary part of the claim."""
        return self.role == "part" and self.part.scope == "primary"

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
            "scope": self.part.scope,
            "level": self.part.level,
            "verdict": self.verdict,
            "how": self.how,
            **self.effect(),
            "rule": self.part.rule,
            "arms": list(self.part.arms),
            "seeds_needed": self.outcome.seeds_needed,
            "detectable": self.outcome.detectable,
            "evidence": self.outcome.evidence,
        }


def rule_text(claim: Claim, judged: Sequence[Judged]) -> str:
    """When the claim is reproduced, refuted, mixed or due to another cause."""
    parts = [one for one in judged if one.role == "part"]
    deciding = [one for one in parts if one.decides]
    text = _numbered([_labelled(one, one.part.rule) for one in parts])
    if len(deciding) > 1:
        at = " at a level" if claim.factor is not None else ""
        every = "every part is" if len(deciding) == len(parts) else "every part of the document's main sentence is"
        text = f"reproduced{at} only if {every}, refuted if any is, else inconclusive: {text}"
    if claim.factor is not None:
        text = f"by {claim.factor}: mixed where reproduced at one level and refuted at another; {text}"
    if claim.rival is not None:
        without, alone = "less than half of the effect remains without", "at least half of the effect remains:"
        text += f"; other_cause where, by its interval, {without if claim.rival.removed else alone} {claim.rival.cause}"
    if claim.reason is not None:
        text += f"; other_cause where the reason given is refuted: {claim.reason.rule}"
    # An identity is exact: it needs no spread of runs.
    exact = all(one.kind == "identity" for one in parts)
    seeds = f", seeds from {claim.first_seed} on" if claim.first_seed else ""
    return f"{text} (planned n = {claim.planned_n}{seeds}{'' if exact else f', descriptive below {claim.required_n}'})"


def evidence_text(claim: Claim, judged: Sequence[Judged]) -> str:
    """What was found of every part, of the rival and of the reason, and how many of the planned runs there are."""
    if all(one.verdict == "pending" for one in judged):
        return judged[0].outcome.evidence
    text = _numbered([_labelled(one, one.outcome.evidence) for one in judged if one.role == "part"])
    for one in judged:
        if claim.rival is not None and one.role == "rival":
            text += f" Rival, {claim.rival.cause}: {one.outcome.evidence}"
        elif one.role == "reason":
            text += f" The reason given: {one.outcome.evidence}"
    fewest = min(one.outcome.n for one in judged if one.decides)
    return f"{text} n = {fewest}, planned {claim.planned_n}." if fewest not in (0, claim.planned_n) else text


def _labelled(one: Judged, text: str) -> str:
    """With its scope, where it does not decide, and its level."""
    scope = SCOPE_TEXTS[one.part.scope]
    label = f"{scope}{one.part.level or ''}".removesuffix(", ")
    return f"{label}: {text}" if label else text


def _numbered(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else " ".join(f"({i}) {text}" for i, text in enumerate(texts, 1))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
