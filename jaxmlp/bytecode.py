"""What a function's code does, instruction by instruction, apart from how its text is laid out."""

import builtins
import dis
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxmlp.installed import is_installed_module


class Meaning(NamedTuple):
    """A value that code refers to."""

    value: Any
    where: str
    """What it is to the code, for errors."""


_UNDEFINED = object()


def instructions(code: types.CodeType, scope: Mapping[str, Any]) -> Iterator[str | Meaning]:
    """The code's instructions with their operands, those of functions inside it too.

    Local names are numbers, so that renaming one changes nothing; constants are their values; a global name comes with
    what it stands for. Of a module of the user's own, what is taken out of it comes instead.

    Args:
        code: a function's.
        scope: its global names.

    Returns:
        Words as they are, and values to be looked into.
    """
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals)
    yield repr((*counts, code.co_flags & 0x0C, code.co_exceptiontable))  # 0x0C: *args and **kwargs
    owner: types.ModuleType | None = None  # the user's module that the next instruction takes something out of
    for step in dis.get_instructions(code):
        if step.opname == "EXTENDED_ARG":
            continue
        yield step.opname
        inside, owner = owner, None
        if inside is not None and step.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            yield Meaning(inside, f"what {code.co_name} uses")
        if inside is not None or step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
            value = _meaning(step.argval, scope if inside is None else vars(inside))
            if isinstance(value, types.ModuleType) and not is_installed_module(value.__name__):
                owner = value
            elif value is not _UNDEFINED:
                yield Meaning(value, f"the global name {step.argval}")
        elif step.opname == "IMPORT_NAME" and not is_installed_module(step.argval):
            yield Meaning(types.ModuleType(step.argval or "."), f"what {code.co_name} imports at every call")
        elif step.opcode in dis.hasconst:
            constant = code.co_consts[step.arg or 0]  # not step.argval, which dis does not know for KW_NAMES
            if isinstance(constant, types.CodeType):
                yield from instructions(constant, scope)
            else:
                yield Meaning(constant, f"a constant of {code.co_name}")
        else:
            yield str(step.argval if step.opcode in dis.hasname else step.arg)


def _meaning(name: str, scope: Mapping[str, Any]) -> Any:
    """What a global name stands for. `__name__` says where a function stands, which does not count."""
    if name in scope:
        return _UNDEFINED if name == "__name__" else scope[name]
    return getattr(builtins, name, _UNDEFINED)
