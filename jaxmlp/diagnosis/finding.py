"""What a check found: passed, worth a look or broken, with the number it saw, and what to do."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from jaxmlp.errors import check_choice

FINDING_LEVELS = ("pass", "warn", "fail")
"""From harmless to what keeps a net from learning."""


@dataclass(frozen=True)
class Finding:
    """One line of `check`.

    >>> Finding("warn", "dead units", 0.6, "60 % of layer 1 are 0 for every row", "try leaky_relu").passed
    False
    """

    level: str
    """One of `FINDING_LEVELS`."""
    name: str
    """Of the check."""
    number: float
    """What was measured; the sentence says of what."""
    sentence: str
    """What was seen, and what was expected."""
    advice: str = ""
    """What to do; "" where it passed."""

    def __post_init__(self) -> None:
        check_choice("level", self.level, FINDING_LEVELS)

    @property
    def passed(self) -> bool:
        """Whether there is nothing to do."""
        return self.level == "pass"


class Limits(NamedTuple):
    """Above which a number that should be small is worth a look, and above which it keeps a net from learning."""

    warn: float
    fail: float


def judged(name: str, number: float, sentence: str, advice: str, limits: Limits) -> Finding:
    """The finding of a number that should be small; one that is NaN fails."""
    level = "fail" if math.isnan(number) or number > limits.fail else "warn" if number > limits.warn else "pass"
    return Finding(level, name, number, sentence, "" if level == "pass" else advice)
