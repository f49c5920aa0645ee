"""What a setting is called, so that the same setting has the same id in every version.

A field that came after version 1 says which value is neutral: with it, a run is bit for bit what it was before the
field existed. While a field holds its neutral value it is left out of the canonical setting, so no id moves when one is
added. Neutral is not default: new users may get another value than published runs had.

    @dataclass(frozen=True)
    class LossSpec:
        name: str = "cross_entropy"                     # of version 1: always part of the id
        class_weights: str = added("none")              # came later: part of the id only where it is something else
"""

from collections.abc import Iterator
from dataclasses import Field, field, fields, is_dataclass
from typing import Any, get_type_hints

NEUTRAL = "neutral"
"""The entry of a field's metadata."""


def added(neutral: Any, *, default: Any = None) -> Any:
    """A dataclass field that came after version 1.

    Args:
        neutral: with this value a run is what it was without the field; immutable.
        default: what new users get; None stands for the neutral value.
    """
    return field(default=neutral if default is None else default, metadata={NEUTRAL: neutral})


def number_text(value: float) -> str:
    """A number as text that reads back as the same number, short where it can be: 0.001, 1e-05, and 1 for 1.0.

    >>> number_text(1.0), number_text(0.1 + 0.2)
    ('1', '0.30000000000000004')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def is_neutral(one: Field, value: Any) -> bool:
    """Whether this value of a field is left out of ids."""
    return NEUTRAL in one.metadata and one.metadata[NEUTRAL] == value


def canonical(spec: Any) -> dict[str, Any]:
    """A dataclass and those inside it, in tuples too, as dicts without the fields that hold their neutral value."""
    return dict(_canonical_fields(spec))


def _canonical_fields(spec: Any) -> Iterator[tuple[str, Any]]:
    for one in fields(spec):
        value = getattr(spec, one.name)
        if not is_neutral(one, value):
            yield one.name, _canonical_value(value)


def _canonical_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_canonical_value, value))
    return canonical(value) if is_dataclass(value) else value


def neutral_values(kind: type) -> dict[str, Any]:
    """By dotted name, the neutral values of a dataclass and of those inside it, where they are single values."""
    hints, found = get_type_hints(kind), {}
    for one in fields(kind):
        if NEUTRAL in one.metadata and not hasattr(one.metadata[NEUTRAL], "keys"):
            found[one.name] = one.metadata[NEUTRAL]
        if is_dataclass(hints[one.name]):
            found |= {f"{one.name}.{name}": value for name, value in neutral_values(hints[one.name]).items()}
    return found
