"""Claims as declarations: what an experiment commits to before its results exist.

    randn, he = Value("randn", final("test_accuracy")), Value("he", final("test_accuracy"))
    fails = Probability(randn, "below", 0.5, bound=0.5)
    better = Difference(he, randn, margin=0.1)
    as_told = Equivalence(he, 0.9774, margin=0.005)
    claims = [Claim("C-001", (fails,), planned_n=30), Claim("C-005", (better, as_told), planned_n=30)]

`verdicts.judge` decides them; nothing here looks at a result.
"""

import hashlib
import json
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from jaxmlp.errors import InputError, check_choice
from jaxmlp.evidence.measures import Measure, Value
from jaxmlp.evidence.parts import Difference, Identity, Part, Probability, SinglePart
from jaxmlp.evidence.planning import MINIMUM_RUNS
from jaxmlp.evidence.predicted import Predicted

# By evidence tag of the ledger, how far a reported number may be from what its author saw: [fig] ones are
# read off a figure.
READING_ERROR = {"doc": 0.0, "code": 0.0, "fig": 0.003, "run": 0.0, "inf": 0.0}

SEED_BLOCK = 1000
"""Seeds below it were used first; every set of fresh seeds begins at a multiple of it."""
WORDS = ("margin_reason", "ours", "cause_found", "limits", "expected", "cause")
"""Fields that are told and decide nothing: they are no part of a rule."""


@dataclass(frozen=True)
class Rival:
    """The effect of a claim's first part once more, where a rival cause and the document's can be told apart.

    Either the document's cause is removed, or the rival is there alone: if at least half of the effect remains, the
    rival is the cause. Or the rival is `removed`: if less than half remains, the rival was the cause. `cause` names
    the rival. `a` and `b` stand for the first part's `a` and `b`; where that is a probability, `a` stands for its
    `value` and `b` is left out.

    >>> from jaxmlp.evidence import Value, final
    >>> Rival("more parameters", Value("wide", final("test_accuracy")), Value("narrow", final("test_accuracy"))).cause
    'more parameters'
    """

    cause: str
    a: Value
    b: Value | float | None = None
    removed: bool = False


@dataclass(frozen=True)
class Claim:
    """One claim of the ledger; it is reproduced only if every primary part is (see `SCOPES` of `parts`).

    With a `factor` every primary part names its `level`, and the levels are judged apart: reproduced at one and
    refuted at another is `mixed`. With a `rival`, a reproduced claim is `other_cause` where the rival explains at
    least half of the effect; with a `reason`, where what the document names as the cause is refuted. Below
    `required_n` runs a part is descriptive; `planned_n` is the n that was promised.

    Attributes:
        first_seed: a rule that was declared anew after results had been seen is judged on seeds from here on alone,
            and on none before `planned_n` of them have run. 0 takes the seeds below `SEED_BLOCK`.
        margin_reason: why the margins are what they are.
        ours: whether the statement is this project's and not the document's.
        cause_found: what was found to be the cause where the document's `reason` is refuted.
        limits: what the rule leaves open: parts of less power than is asked for (see `decidability`), halves of the
            statement that nothing here tests.

    Raises:
        InputError: no primary part; fewer than three required or planned runs (theory, made of identities alone,
            needs one); a factor without levels or levels without a factor; a rival without an effect; a reason
            beside a rival, with a level, or without `cause_found`; a first seed that begins no block.

    >>> from jaxmlp.evidence import Difference, Value, final
    >>> he, randn = (Value(arm, final("test_accuracy")) for arm in ("he", "randn"))
    >>> claim = Claim("C-900", (Difference(he, randn, margin=0.01),), planned_n=3)
    >>> claim.parts[0].arms, claim.required_n
    (('he', 'randn'), 3)
    """

    id: str
    parts: tuple[Part, ...]
    planned_n: int
    required_n: int = MINIMUM_RUNS
    factor: str | None = None
    rival: Rival | None = None
    reason: SinglePart | None = None
    first_seed: int = 0
    margin_reason: str = ""
    ours: bool = False
    cause_found: str = ""
    limits: str = ""

    def __post_init__(self) -> None:
        primary = [part for part in self.parts if part.scope == "primary"]
        if not primary:
            raise InputError(f"claim {self.id} has no parts that decide: declare at least one")
        if self.first_seed < 0 or self.first_seed % SEED_BLOCK:
            raise InputError(f"claim {self.id}: first_seed {self.first_seed}: give a multiple of {SEED_BLOCK}")
        theory = all(isinstance(part, Identity) for part in self.parts)
        if self.required_n < MINIMUM_RUNS or self.planned_n < (1 if theory else self.required_n):
            raise InputError(
                f"claim {self.id} requires {self.required_n} runs and plans {self.planned_n}: "
                f"give {MINIMUM_RUNS} <= required_n <= planned_n"
            )
        if any((part.level is None) != (self.factor is None) for part in primary):
            raise InputError(f"claim {self.id}: give a factor and a level in every part that decides, or neither")
        if self.rival is not None and not _has_effect(self.parts[0], self.rival, self.factor):
            raise InputError(
                f"claim {self.id}: a rival needs no factor and a first part that is a difference "
                "(margin >= 0, the rival with a and b) or a probability (more than a share, the rival with a)"
            )
        if (self.reason is None) != (not self.cause_found):
            raise InputError(f"claim {self.id}: give a reason and cause_found, what it is if not that, or neither")
        if self.reason is not None and (self.rival is not None or self.reason.level is not None):
            raise InputError(f"claim {self.id}: give a rival or a reason, not both, and the reason no level")


@dataclass(frozen=True)
class Reported:
    """The number of one run in a document, to stand beside ours; `tag` is the ledger's evidence tag.

    With a `baseline` it is a gain: what the arm's measure has over that arm's, seed by seed.

    Raises:
        InputError: an unknown tag.

    >>> from jaxmlp.evidence import final
    >>> Reported("E-003", "he_normal", final("test_accuracy"), 0.9774, "doc").value
    0.9774
    >>> Reported("E-003", "he_normal", final("test_accuracy"), 0.9774, "rumour")
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: unknown evidence tag 'rumour': choose one of doc, code, fig, run, inf
    """

    ledger_id: str
    arm: str
    measure: Measure
    value: float
    tag: str
    baseline: str | None = None
    table: str = "epochs"
    """That our number is read of."""

    def __post_init__(self) -> None:
        check_choice("evidence tag", self.tag, READING_ERROR)


def rule_hash(claim: Claim | Predicted) -> str:
    """Hash what decides a claim or a `Predicted`, as 16 hexadecimal digits: its rule, and none of its words.

    Fields that hold their default are left out, so that one which is added later moves no hash, and so are `WORDS`.

    >>> from dataclasses import replace
    >>> from jaxmlp.evidence import Difference, Value, final
    >>> claim = Claim("C-900", (Difference(Value("he", final("test_accuracy")), 0.5, margin=0.01),), planned_n=3)
    >>> others = replace(claim, margin_reason="Words."), replace(claim, planned_n=5)
    >>> [rule_hash(other) == rule_hash(claim) for other in others]
    [True, False]
    """
    return hashlib.sha256(json.dumps(_content(claim), sort_keys=True).encode()).hexdigest()[:16]


def _content(value: Any) -> Any:
    if is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in WORDS}
        defaults = {one.name: one.default for one in fields(value) if one.default is not MISSING}
        kept = {name: _content(own) for name, own in given.items() if name not in defaults or own != defaults[name]}
        return {"kind": type(value).__name__} | kept
    return [_content(one) for one in value] if isinstance(value, tuple) else value


def _has_effect(first: Part, rival: Rival, factor: str | None) -> bool:
    """Whether half of the first part's effect makes sense, and `rival` says where to look for it."""
    if factor is not None:
        return False
    if isinstance(first, Difference):
        return first.margin >= 0 and rival.b is not None
    if isinstance(first, Probability):
        return first.direction == "more" and not isinstance(first.bound, Value) and rival.b is None
    return False
