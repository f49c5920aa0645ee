"""Verdicts for the eye: symbol, words and colour of each verdict, and its effect with interval as short text.

The page and the terminal table both read from here, so they cannot differ. Colour is never alone: every verdict
has its symbol and its word.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxmlp.evidence.words import DIFFERENCE_LEVEL, EQUIVALENCE_LEVEL, LN_SECONDS


@dataclass(frozen=True)
class VerdictLook:
    """How one verdict appears; `plain` replaces `symbol` where only ASCII can be shown."""

    words: str
    symbol: str
    plain: str
    terminal_style: str
    meaning: str


LOOKS = {
    "reproduced": VerdictLook(
        "reproduced", "✓", "+", "green", "the whole interval lies on the side the document claims."
    ),
    "refuted": VerdictLook("refuted", "✗", "x", "red", "the whole interval lies on the other side."),
    "other_cause": VerdictLook(
        "other cause", "⇄", "~", "magenta",
        "it happens, but at least half of the effect remains without the cause the document gives.",
    ),
    "mixed": VerdictLook(
        "mixed", "◐", "/", "blue", "reproduced under one declared condition and refuted under another."
    ),
    "inconclusive": VerdictLook(
        "inconclusive", "?", "?", "yellow", "the interval lies on both sides: more seeds would be needed."
    ),
    "pending": VerdictLook(
        "pending fresh seeds", "…", ".", "yellow",
        "the rule was declared anew after results had been seen: fresh seeds alone will judge it, once they have run.",
    ),
    "not_tested": VerdictLook(
        "not tested", "–", "-", "dim",
        "the results lack an arm or an epoch the claim needs, or have one or two runs of it; it says which.",
    ),
}  # fmt: skip
ROLES = {"part": "", "rival": "rival cause", "reason": "the reason given"}
"""What a part of a claim is called; the ordinary ones have numbers."""
_SCOPES = {"primary": "", "beside": "told beside", "beyond": "beyond the document"}
"""What a part that does not decide is called."""
PREVIEW = "preview: not the documents' data or size; not a verdict on the document"


def part_name(part: Mapping[str, Any], number: int) -> str:
    """What a part of a claim is called: its role, or its number and what it is told for."""
    named = ROLES[part["role"]] or f"part {number}"
    scope = _SCOPES[part["scope"]]
    return f"{named}, {scope}" if scope and part["role"] == "part" else named


def verdict_words(judged: Mapping[str, Any]) -> str:
    """The verdict of a claim or part in words, with the kind of no and the number of runs that were too few."""
    words = LOOKS[judged["verdict"]].words
    if judged["how"]:
        return f"{words} ({judged['how']})"
    if judged["verdict"] == "not_tested" and judged["n"]:
        return f"{words} ({judged['n']} run{'s' if judged['n'] > 1 else ''})"
    return words


def flags_of(verdict: Mapping[str, Any]) -> list[str]:
    """What a reader has to know of a claim's verdict beside it, in words; an amendment is told by `amended`."""
    told = []
    if verdict["ours"]:
        told.append("the statement is ours, not the document's")
    if verdict["fragile"]:
        at = [f"{LOOKS[other].words} at {name}" for name, other in verdict["margins"].items()]
        told.append(f"fragile: {', '.join(at)} of the margin")
    if verdict["cause_found"]:
        told.append(f"cause found: {verdict['cause_found']}")
    told += [f"beyond the document, {one}" for one in verdict["qualified"]]
    planned, n = verdict["planned_n"], verdict["n"]
    if 0 < n < planned:
        told.append(f"n = {n} of {planned} planned")
    told += [f"amended {one}" for one in verdict["amended"]]
    return told


def effect_text(judged: Mapping[str, Any]) -> str:
    """The effect of a verdict or of one of its parts, in its unit; "" where nothing was measured.

    No one part tells what a mixed verdict found: how many of them are reproduced does.
    """
    if judged["effect"] is None:
        return ""
    if judged["verdict"] == "mixed":
        parts = [part for part in judged["parts"] if part["role"] == "part" and part["scope"] == "primary"]
        return f"{sum(part['verdict'] == 'reproduced' for part in parts)} of {len(parts)} parts"
    return _number(judged["effect"], judged) + _suffix(judged)


def interval_text(judged: Mapping[str, Any]) -> str:
    """The interval in the effect's unit: "[70.10, 80.50]"; "" where there is none."""
    if judged["ci_low"] is None or judged["ci_high"] is None or judged["verdict"] == "mixed":
        return ""
    return f"[{_number(judged['ci_low'], judged)}, {_number(judged['ci_high'], judged)}]"


def bound_text(judged: Mapping[str, Any]) -> str:
    """The bound declared for the effect: "δ = 10 pp", "δ = ±0.5 pp", "bound 50 %"."""
    if judged["unit"] == LN_SECONDS:
        return f"bound {_number(judged['delta'], judged)}{_suffix(judged)}"
    digits = f"{_scale(judged) * judged['delta']:.6g}{_suffix(judged)}".replace("-", "−")
    if _is_share(judged):
        return f"bound {digits}"
    return f"δ = ±{digits}" if judged["kind"] == "equivalence" else f"δ = {digits}"


def level_text(judged: Mapping[str, Any]) -> str:
    """The confidence of the interval: "95 %", and "90 %" for an equivalence (two one-sided 5 % tests)."""
    level = EQUIVALENCE_LEVEL if judged["kind"] == "equivalence" else DIFFERENCE_LEVEL
    return f"{100 * level:.0f} %"


def accuracy_text(value: float | None) -> str:
    """An accuracy in percent with two decimals; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.2f} %"


@dataclass(frozen=True)
class Ruler:
    """Where a verdict's numbers lie on a line, in percent of its width: what the page draws as a small plot."""

    low: float
    high: float
    effect: float
    bounds: tuple[float, ...]
    zero: float | None


def ruler_of(judged: Mapping[str, Any]) -> Ruler | None:
    """The `Ruler` of a verdict or part; None where it has no interval."""
    if judged["ci_low"] is None or judged["ci_high"] is None:
        return None
    bounds = [judged["delta"], -judged["delta"]] if judged["kind"] == "equivalence" else [judged["delta"]]
    zero = [0.0] if _is_gap(judged) and judged["unit"] != LN_SECONDS else []
    ends = [0.0, 1.0] if _is_share(judged) else []
    shown = [judged["ci_low"], judged["ci_high"], judged["effect"], *bounds, *zero, *ends]
    left, width = min(shown), (max(shown) - min(shown)) or 1.0

    def place(value: float) -> float:
        return round(4 + 92 * (value - left) / width, 2)

    return Ruler(
        low=place(judged["ci_low"]),
        high=place(judged["ci_high"]),
        effect=place(judged["effect"]),
        bounds=tuple(place(bound) for bound in bounds),
        zero=place(0.0) if zero else None,
    )


def _is_gap(judged: Mapping[str, Any]) -> bool:
    """Whether the effect is a signed difference, which needs its sign and a zero."""
    return judged["kind"] in ("difference", "equivalence", "ordering")


def _is_share(judged: Mapping[str, Any]) -> bool:
    """Whether the effect is a share: of runs, or of the pairs that differ."""
    return judged["unit"].startswith("share")


def _scale(judged: Mapping[str, Any]) -> float:
    return 100.0 if _is_share(judged) or judged["unit"] == "accuracy" else 1.0


def _suffix(judged: Mapping[str, Any]) -> str:
    """Differences of accuracies are in percentage points (pp), shares in percent."""
    if _is_share(judged):
        return " %"
    units = {"accuracy": "pp", LN_SECONDS: "times as long"}
    return f" {units.get(judged['unit'], judged['unit'])}".rstrip()


def _number(value: float, judged: Mapping[str, Any]) -> str:
    if judged["unit"] == LN_SECONDS:
        return f"{math.exp(value):.3g}"
    digits = ".1f" if _is_share(judged) else ".2f" if judged["unit"] == "accuracy" else ".4g"
    sign = "+" if _is_gap(judged) else ""
    return f"{_scale(judged) * value:{sign}{digits}}".replace("-", "−")
