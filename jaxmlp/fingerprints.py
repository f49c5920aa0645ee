"""Fingerprints: a hex string that changes when what a function computes changes.

Read of a function are its bytecode, its defaults, the values of its closure, and what its global names stand for, to
any depth. Not read are comments, docstrings, annotations, the names of local variables and where a function stands.
What belongs to the standard library, to an installed package or to jaxmlp is known by its name alone. Bytecode differs
from one minor version of Python to the next, and so do fingerprints.
"""

import enum
import functools
import hashlib
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxmlp.bytecode import instructions
from jaxmlp.errors import InputError
from jaxmlp.installed import is_installed_file, is_installed_module, is_named_in_its_package


class Unfingerprintable(InputError):  # noqa: N818 - it says what the value is
    """A value whose content cannot be told from its outside, such as an open file or an object of a class."""


def fingerprint(value: object, what: str) -> str:
    """Digest of a value: the same in every process, for equal functions that are defined twice too.

    Args:
        value: a function, number, string, array or class; or a container, NamedTuple, dataclass or partial of such.
        what: names the value in errors, such as `activation 'swish'`.

    Returns:
        64 hex digits of SHA-256.

    Raises:
        Unfingerprintable: says in one line what in it cannot be read.

    >>> fingerprint(lambda x: 2 * x, "doubling") == fingerprint(lambda y: 2 * y, "doubling")
    True
    >>> fingerprint(lambda x: 2 * x, "doubling") == fingerprint(lambda x: 3 * x, "tripling")
    False
    """
    return _Reader(what).digest(value, what).hex()


_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented), range)
_BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)
# Written by a decorator, not by the user; the fields tell all of them.
_GENERATED = {
    f"__{name}__"
    for name in ("init", "new", "repr", "eq", "hash", "lt", "le", "gt", "ge", "setattr", "delattr", "replace")
}


class _Reader:
    """Digests of one value and of all that it refers to."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._open: list[int] = []  # ids from the outermost value to the one that is being read
        self._read: dict[int, tuple[bytes, object]] = {}  # the object is kept, so that its id stays its own
        self._ways: list[tuple[Any, Callable[[Any, str], bytes]]] = [
            (enum.Enum, lambda value, where: self._all("enum", (type(value), value.name, value.value), where)),
            (_PLAIN, lambda value, where: _hash(type(value).__name__, repr(value))),
            ((np.ndarray, np.generic, jax.Array), self._array),
            (np.dtype, lambda value, where: _hash("dtype", str(value))),
            (types.ModuleType, self._module),
            (types.FunctionType, self._function),
            (types.MethodType, lambda value, where: self._all("method", (value.__func__, value.__self__), where)),
            (_BUILT_IN, self._built_in),
            (type, self._class),
            (functools.partial, self._partial),
            ((jax.custom_vjp, jax.custom_jvp), self._custom_rule),
            (tuple, self._tuple),
            (list, lambda value, where: self._all("list", value, where)),
            (slice, lambda value, where: self._all("slice", (value.start, value.stop, value.step), where)),
            ((set, frozenset), lambda value, where: _hash("set", *sorted(self.digest(v, where) for v in value))),
            (Mapping, self._mapping),
        ]

    def digest(self, value: Any, where: str) -> bytes:
        """32 bytes; `where` says in errors what the value is."""
        if id(value) in self._read:
            return self._read[id(value)][0]
        if id(value) in self._open:  # it refers to itself: so many levels up
            return _hash("cycle", str(len(self._open) - self._open.index(id(value))))
        self._open.append(id(value))
        try:
            found = self._content(value, where)
        finally:
            self._open.pop()
        if isinstance(value, (types.FunctionType, type)):
            self._read[id(value)] = found, value
        return found

    def _content(self, value: Any, where: str) -> bytes:
        for kind, read in self._ways:
            if isinstance(value, kind):
                return read(value, where)
        if type(value) is object:  # a mark of something that is missing: it has no content
            return _hash("object")
        if is_dataclass(value):
            values = {field.name: getattr(value, field.name) for field in fields(value)}
            return _hash("record", self.digest(type(value), where), self._mapping(values, where))
        if is_named_in_its_package(value):
            return _hash("name", f"{type(value).__module__}.{value.__name__}")
        if callable(value) and hasattr(value, "__wrapped__"):
            return self.digest(value.__wrapped__, where)  # pyright: ignore[reportFunctionMemberAccess]
        self._refuse(where, f"is of {type(value).__module__}.{type(value).__qualname__}")

    def _refuse(self, where: str, why: str) -> NoReturn:
        subject = self.what if where == self.what else f"{self.what}: {where}"
        raise Unfingerprintable(
            f"{subject} {why}, which has no fingerprint: let it depend on numbers, strings, arrays, functions, "
            "NamedTuples or dataclasses of such"
        )

    def _all(self, tag: str, values: Iterable[Any], where: str) -> bytes:
        return _hash(tag, *(self.digest(value, where) for value in values))

    def _mapping(self, values: Mapping[Any, Any], where: str) -> bytes:
        pairs = (self.digest(key, where) + self.digest(value, where) for key, value in values.items())
        return _hash("mapping", *sorted(pairs))

    def _tuple(self, values: tuple[Any, ...], where: str) -> bytes:
        if not hasattr(values, "_fields"):
            return self._all("tuple", values, where)
        # A field at its default is left out: a field that a later version adds changes no fingerprint.
        defaults, absent = getattr(values, "_field_defaults", {}), object()
        given = {
            name: value
            for name, value in zip(values._fields, values, strict=True)  # pyright: ignore[reportAttributeAccessIssue]
            if value is not defaults.get(name, absent)
        }
        return _hash("record", self.digest(type(values), where), self._mapping(given, where))

    def _array(self, array: Any, where: str) -> bytes:
        if isinstance(array, Tracer):
            self._refuse(where, "is a traced array")
        if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return _hash("key", str(jax.random.key_impl(array)), self._array(jax.random.key_data(array), where))
        plain = np.asarray(array)
        if plain.dtype.hasobject:
            self._refuse(where, "is an array of objects")
        return _hash(
            "array", plain.dtype.name, repr(plain.shape), plain.astype(plain.dtype.newbyteorder("<")).tobytes()
        )

    def _module(self, module: types.ModuleType, where: str) -> bytes:
        if not is_installed_module(module.__name__):
            self._refuse(where, f"is all of your module {module.__name__}")
        return _hash("name", module.__name__)

    def _built_in(self, function: Any, where: str) -> bytes:
        bound = getattr(function, "__self__", None)
        name = getattr(function, "__qualname__", function.__name__)
        if bound is None or isinstance(bound, types.ModuleType):
            return _hash("name", f"{getattr(function, '__module__', None) or ''}.{name}")
        return _hash("method", name, self.digest(bound, where))

    def _partial(self, value: Any, where: str) -> bytes:
        return self._all("partial", (value.func, value.args, value.keywords), where)

    def _custom_rule(self, rule: Any, where: str) -> bytes:
        """The function with its own derivative: what it is trained by counts too."""
        names = ("fun", "fwd", "bwd", "jvp", "nondiff_argnums")
        return self._all("rule", [getattr(rule, name, None) for name in names], where)

    def _class(self, cls: type, where: str) -> bytes:
        name = f"{cls.__module__}.{cls.__qualname__}"
        if is_installed_module(cls.__module__):
            return _hash("name", name)
        members = []
        for key, member in sorted(vars(cls).items()):
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(function, types.FunctionType):
                written = key not in _GENERATED or function.__code__.co_filename != "<string>"
            else:
                written = isinstance(member, (*_PLAIN, tuple, np.ndarray, jax.Array)) and not key.startswith("__")
            if written:
                members += [key, self.digest(function, f"{cls.__qualname__}.{key}")]
        bases = [self.digest(base, where) for base in cls.__bases__]
        return _hash("class", cls.__qualname__, *bases, *members)

    def _function(self, function: types.FunctionType, where: str) -> bytes:
        code = function.__code__
        held = _hash("closure", *(self._cell(cell, code.co_qualname) for cell in function.__closure__ or ()))
        if is_installed_file(code.co_filename) and "<lambda>" not in code.co_qualname:
            # A decorator gives its function the name and module of the one it wraps, which its closure holds.
            module = function.__globals__["__name__"] if hasattr(function, "__wrapped__") else function.__module__
            name = code.co_qualname if hasattr(function, "__wrapped__") else function.__qualname__
            return _hash("name", f"{module}.{name}", held)
        defaults = self._all("defaults", (function.__defaults__, function.__kwdefaults__), where)
        return _hash("function", self._code(code, function.__globals__), defaults, held)

    def _cell(self, cell: types.CellType, function: str) -> bytes:
        try:
            content = cell.cell_contents
        except ValueError:  # a name that has no value yet
            return _hash("empty")
        return self.digest(content, f"a value that {function} closes over")

    def _code(self, code: types.CodeType, scope: Mapping[str, Any]) -> bytes:
        parts = (
            part if isinstance(part, str) else self.digest(part.value, part.where) for part in instructions(code, scope)
        )
        return _hash("code", *parts)


def _hash(tag: str, *parts: bytes | str) -> bytes:
    """SHA-256 of the parts with their lengths, so that no two lists of parts read the same."""
    digest = hashlib.sha256(tag.encode())
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()
