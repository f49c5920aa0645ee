"""The types of a spec's fields, checked where the spec is made."""

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from jaxmlp.errors import InputError, shown

_WORDS = {bool: "True or False", str: "a name"}


@cache
def _declared(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def check_types(spec: Any, *names: str) -> None:
    """Raise `InputError` where a text, a switch or a part of a spec is of another type than its field is declared with.

    Numbers are not looked at: those that are static go through `check_count`, the others through `check_hyper`.

    Args:
        spec: a dataclass.
        names: of the fields; all by default.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Lamp:
    ...     lit: bool
    >>> check_types(Lamp(True))
    """
    declared = _declared(type(spec))
    for name in names or [one.name for one in fields(spec)]:
        value, kind = getattr(spec, name), declared[name]
        if (kind in _WORDS or (isinstance(kind, type) and is_dataclass(kind))) and not isinstance(value, kind):
            raise InputError(
                f"{name.replace('_', ' ')} is {shown(value)}: give {_WORDS.get(kind) or f'one of type {kind.__name__}'}"
            )
