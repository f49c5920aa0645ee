"""The kinds of statement a claim is made of, each with the rule that will decide it.

A part is declared before its results exist: what is measured, its unit, direction and margin. Accuracies and
other shares are fractions of 1. `rule` says in words when the part is reproduced, and `judging` applies it.
"""

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, get_args

from jaxmlp.errors import InputError, check_choice
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.wording import operand, stated, stated_gap
from jaxmlp.evidence.words import DIFFERENCE_LEVEL, EQUIVALENCE_LEVEL
from jaxmlp.schema import table_named

PROBABILITY_LEVEL = 0.95

Scope = Literal["primary", "beside", "beyond"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Of a part: `primary` is the document's main sentence, in its own setting, and decides; `beside` is what the document
says besides, and is told; `beyond` is a setting of ours (tuned rates, other data), which qualifies and never refutes.
"""


@dataclass(frozen=True, kw_only=True)
class _Declared:
    """What all kinds share.

    Attributes:
        unit: of the measured numbers.
        level: of the claim's factor; of a part that does not decide, any name.
        scope: one of `SCOPES`.
        expected: the effect that the document states, or the least one of interest, at which power is computed;
            None leaves it to the kind.
    """

    unit: str = "accuracy"
    level: str | None = None
    scope: Scope = "primary"
    expected: float | None = None

    @property
    def effect_unit(self) -> str:
        """The unit of the effect and of `delta`."""
        return self.unit

    def scaled(self, factor: float) -> Self:
        """The same with `factor` times the margin or tolerance; a share of runs has none."""
        name = next((name for name in ("margin", "tolerance") if hasattr(self, name)), None)
        return self if name is None else replace(self, **{name: factor * getattr(self, name)})


@dataclass(frozen=True)
class _Comparison(_Declared):
    """`a` beside `b`, another value or a constant."""

    a: Value
    b: Value | float

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms it compares."""
        return _arms(self.a, self.b)


@dataclass(frozen=True)
class _Margin(_Comparison):
    """The mean of `a` minus `b` against a margin, by its interval."""

    margin: float

    @property
    def delta(self) -> float:
        """The margin."""
        return self.margin

    def _mean_interval(self, level: float) -> str:
        """The interval that decides, in words."""
        return (
            f"the {100 * level:.0f} % interval of the mean of {self.a} minus "
            f"{operand(self.b, self.unit)}{_pairing(self.b)}"
        )


@dataclass(frozen=True)
class Difference(_Margin):
    """`a` is larger than `b` by more than `margin`, paired by seed; `b` may be a constant.

    A negative margin states "not smaller than b by |margin| or more".

    Raises:
        InputError: a margin that is not finite.

    >>> from jaxmlp.evidence import Value, final
    >>> Difference(Value("he", final("test_accuracy")), Value("randn", final("test_accuracy")), margin=0.01).arms
    ('he', 'randn')
    """

    kind: ClassVar[str] = "difference"

    def __post_init__(self) -> None:
        _check_finite("margin", self.margin)

    @property
    def planned_effect(self) -> float | None:
        """`expected`; without it twice a positive margin, which is half the document's effect, or 0 for a negative one.

        None where the margin is 0 and nothing is expected: any effect counts, so there is no least one.
        """
        if self.expected is not None:
            return self.expected
        return 2 * self.margin if self.margin > 0 else None if self.margin == 0 else 0.0

    @property
    def rule(self) -> str:
        """When the part is reproduced, refuted or inconclusive."""
        return (
            f"reproduced where {self._mean_interval(DIFFERENCE_LEVEL)} lies entirely above "
            f"{stated_gap(self.margin, self.unit)}; refuted where entirely below; else inconclusive"
        )


@dataclass(frozen=True)
class Equivalence(_Margin):
    """`a` and `b` (a value or a constant) are nearer to each other than `margin`.

    Raises:
        InputError: a margin that is not above 0.

    >>> from jaxmlp.evidence import Value, final
    >>> same = Equivalence(Value("he", final("test_accuracy")), 0.98, margin=0.005)
    >>> same.planned_effect
    0.0
    """

    kind: ClassVar[str] = "equivalence"

    def __post_init__(self) -> None:
        _check_positive("margin", self.margin)

    @property
    def planned_effect(self) -> float:
        """As expected, else none."""
        return self.expected or 0.0

    @property
    def rule(self) -> str:
        """When the part is reproduced, refuted or inconclusive."""
        return (
            f"reproduced where {self._mean_interval(EQUIVALENCE_LEVEL)} lies entirely within "
            f"±{stated_gap(self.margin, self.unit)} (two one-sided tests); refuted where entirely outside; "
            "else inconclusive"
        )


@dataclass(frozen=True)
class Probability(_Declared):
    """An event happens in more (or less) than the share `bound` of the runs of `value`.

    The event is `value` strictly below or strictly above `threshold`. With another `Value` as bound the event
    happens more (or less) often in `value` than there, paired by seed.

    Raises:
        InputError: an unknown side or direction, a threshold that is not finite, a bound that is not a share.

    >>> from jaxmlp.evidence import Value, final
    >>> Probability(Value("randn", final("test_accuracy")), "below", 0.5, bound=0.5).event
    'final test_accuracy below 50 %'
    """

    kind: ClassVar[str] = "probability"
    value: Value
    side: Literal["below", "above"]
    threshold: float
    bound: float | Value
    direction: Literal["more", "less"] = "more"

    def __post_init__(self) -> None:
        check_choice("side of a threshold", self.side, ("below", "above"))
        check_choice("direction", self.direction, ("more", "less"))
        _check_finite("threshold", self.threshold)
        if not isinstance(self.bound, Value) and not 0 <= self.bound <= 1:
            raise InputError(f"bound {self.bound}: give a share of runs between 0 and 1, such as 0.5")

    @property
    def arms(self) -> tuple[str, ...]:
        """The arm whose runs are counted, and the one it is compared with."""
        return _arms(self.value, self.bound)

    @property
    def effect_unit(self) -> str:
        """Shares, whatever the unit of the threshold: of the pairs that differ, or of all runs."""
        return "share of discordant pairs" if isinstance(self.bound, Value) else "share of runs"

    @property
    def delta(self) -> float:
        """The bound; among pairs that differ, an even split."""
        return 0.5 if isinstance(self.bound, Value) else self.bound

    @property
    def planned_effect(self) -> float:
        """As expected, else four fifths of the way from the bound to 0 or 1: nine runs in ten for "most"."""
        end = 1.0 if self.direction == "more" else 0.0
        return self.delta + 0.8 * (end - self.delta) if self.expected is None else self.expected

    @property
    def event(self) -> str:
        """The event without its arm, such as "final test_accuracy below 50 %"."""
        return f"{self.value.measure} {self.side} {stated(self.threshold, self.unit)}"

    @property
    def rule(self) -> str:
        """When the part is reproduced, refuted or inconclusive."""
        side, other = ("above", "below") if self.direction == "more" else ("below", "above")
        if isinstance(self.bound, Value):
            interval = (
                f"of the share with {self.event} in {self.value.arm} alone, among the pairs by seed that "
                f"differ between {self.value.arm} and {self.bound.arm} (exact McNemar test),"
            )
        else:
            interval = f"of the share of runs of {self.value.arm} with {self.event}"
        return (
            f"reproduced where the {100 * PROBABILITY_LEVEL:.0f} % Clopper-Pearson interval {interval} lies "
            f"entirely {side} {100 * self.delta:.6g} %; refuted where entirely {other}; else inconclusive"
        )


@dataclass(frozen=True)
class Ordering(_Declared):
    """`values` fall from first to last: each is larger than the next by more than `margin`.

    Raises:
        InputError: fewer than two values, or a margin that is not finite.

    >>> from jaxmlp.evidence import Value, final
    >>> order = Ordering(tuple(Value(arm, final("test_accuracy")) for arm in ("large", "middle", "small")))
    >>> [part.arms for part in order.differences()]
    [('large', 'middle'), ('middle', 'small')]
    """

    kind: ClassVar[str] = "ordering"
    values: tuple[Value, ...]
    margin: float = 0.0

    def __post_init__(self) -> None:
        _check_finite("margin", self.margin)
        if len(self.values) < 2:
            raise InputError(f"an ordering of {len(self.values)} values: give at least two")

    def differences(self) -> list[Difference]:
        """The adjacent pairs: an ordering is judged by them, and by nothing else."""
        return [
            Difference(a, b, self.margin, unit=self.unit, level=self.level, scope=self.scope, expected=self.expected)
            for a, b in itertools.pairwise(self.values)
        ]


@dataclass(frozen=True)
class Identity(_Comparison):
    """Theory: in every run `a` equals `b` (a value or a constant) to `tolerance`.

    Raises:
        InputError: a tolerance that is not above 0.

    >>> from jaxmlp.evidence import Value, final
    >>> Identity(Value("zeros", final("test_accuracy")), 0.1, tolerance=1e-9).delta
    1e-09
    """

    kind: ClassVar[str] = "identity"
    tolerance: float
    unit: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        _check_positive("tolerance", self.tolerance)

    @property
    def delta(self) -> float:
        """The tolerance."""
        return self.tolerance

    @property
    def rule(self) -> str:
        """When the part is reproduced or refuted."""
        return (
            f"reproduced where {self.a} and {operand(self.b, self.unit)} are equal to "
            f"{stated(self.tolerance, self.unit)} in every run; else refuted"
        )


# What is judged as one; an ordering is judged as its differences.
SinglePart = Difference | Equivalence | Probability | Identity
Part = SinglePart | Ordering


def _arms(*sides: Value | float) -> tuple[str, ...]:
    return tuple(dict.fromkeys(side.arm for side in sides if isinstance(side, Value)))


def _pairing(other: Value | float) -> str:
    return f", paired by {table_named(other.table).pair}," if isinstance(other, Value) else ""


def _check_finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        raise InputError(f"{name} {number}: give a finite number")


def _check_positive(name: str, number: float) -> None:
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"{name} {number}: give a number above 0")
