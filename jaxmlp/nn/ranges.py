"""The range of a traced number, which stands at its field."""

import math
from dataclasses import Field, dataclass
from typing import Any

from flax import struct

_KEY = "range"


@dataclass(frozen=True)
class Range:
    """The values a number may have.

    >>> Range(above=0.0), 0.0 in Range(above=0.0), str(Range(at_least=0.0, below=1.0))
    (Range(at_least=None, above=0.0, below=inf, at_most=inf), False, 'at least 0 and below 1')
    """

    at_least: float | None = None
    above: float = -math.inf
    below: float = math.inf
    at_most: float = math.inf

    def __contains__(self, value: float) -> bool:
        """Whether a number may have this finite value."""
        low = self.above < value if self.at_least is None else self.at_least <= value
        return low and value < self.below and value <= self.at_most

    def __str__(self) -> str:
        low = f"above {self.above:g}" if self.at_least is None else f"at least {self.at_least:g}"
        if self.below < math.inf:
            return f"{low} and below {self.below:g}"
        return low if self.at_most == math.inf else f"{low} and at most {self.at_most:g}"


def ranged(default: float, **bounds: float) -> Any:
    """A field of numbers, an array where they are traced.

    Args:
        default: its value unless given.
        bounds: those of `Range`.
    """
    return struct.field(default=default, metadata={_KEY: Range(**bounds)})


def range_of(field: Field) -> Range:
    """The range that stands at a field made by `ranged`."""
    return field.metadata[_KEY]
