"""Tables of components: what a spec names, the library's own rows and a user's.

A row enters by `register`, under a name that specs, files, columns and the command line use from then on. A spec also
takes the row itself, or a plain function where a function is a row: that registers it under the function's name.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import jax

from jaxmlp.errors import InputError, shown
from jaxmlp.fingerprints import Unfingerprintable, fingerprint

Row = TypeVar("Row", bound=tuple[Any, ...])


class Components(Mapping[str, Row], Generic[Row]):
    """Rows of one kind by name, in the order in which they were registered.

    What a name of the library's own means is fixed. A user's row has a `fingerprint` beside its name: together they
    say what was trained.
    """

    def __init__(
        self,
        kind: str,
        row_type: type[Row],
        built_in: Mapping[str, Any],
        *,
        from_function: Callable[[Callable[..., Any]], Row] | None = None,
        check: Callable[[Row], None] | None = None,
        reserved: tuple[str, ...] = (),
    ) -> None:
        """A table of a kind, such as "activation".

        Args:
            kind: names a row in errors.
            row_type: a NamedTuple whose first field is a function.
            built_in: the library's own rows, registered in this order.
            from_function: makes a row of a plain function; None where one function does not make a row.
            check: raises `InputError` for a row that cannot be.
            reserved: names that mean something else.
        """
        self.kind, self.row_type = kind, row_type
        self._from_function, self._check, self._reserved = from_function, check, reserved
        self._rows: dict[str, Row] = {}
        self._built_in: frozenset[str] = frozenset()
        for name, row in built_in.items():
            self.register(name, row)
        self._built_in = frozenset(self._rows)

    def register(self, name: str, row: Row | Callable[..., Any]) -> str:
        """Add a row.

        Args:
            name: how specs call it from now on.
            row: the row, or a plain function where that makes one.

        Returns:
            The name, so that a spec can be given what this returns.

        Raises:
            InputError: no row of this kind, no name, or a name that another row has. The same row again is fine, and
                so is one with the same fingerprint, such as that of a notebook's cell that is run twice.

        >>> from jaxmlp.nn import ACTIVATIONS, Activation, MLPSpec
        >>> ACTIVATIONS.register("softsign", Activation(jax.nn.soft_sign))
        'softsign'
        >>> MLPSpec((64, 32, 10), activation="softsign").activation
        'softsign'
        """
        if not isinstance(name, str) or not name.isprintable() or name != name.strip() or not name:
            raise InputError(f"{name!r} is no name for {self._a_kind}: give a word such as 'softsign'")
        made = self._row_of(row)
        if name in self._reserved or (name in self._rows and not self._is_same(name, made)):
            whose = "jaxmlp's own" if name in self._built_in or name in self._reserved else "registered already"
            raise InputError(f"{self.kind} {name!r} is {whose}, and this is another one: give it another name")
        self._rows.setdefault(name, made)
        return name

    def remove(self, name: str) -> None:
        """Take a user's row out, so that its name is free for another one; forgets what JAX compiled with it.

        Raises:
            InputError: a name that no user's row has.
        """
        if not self.is_user(name):
            users = ", ".join(filter(self.is_user, self)) or "there is none"
            raise InputError(f"{name!r} is no {self.kind} of a user's: {users}")
        del self._rows[name]
        jax.clear_caches()

    def name_of(self, given: Any) -> str:
        """The name by which a spec may hold what it was given: a name as it is, a row or function registered.

        Raises:
            InputError: a row or function without a name of its own, such as a lambda, or one that `register` refuses.
        """
        if isinstance(given, str):
            return given
        self._row_of(given)
        named = given[0] if isinstance(given, self.row_type) else given
        name = getattr(named, "__name__", "<lambda>") if self._from_function is not None else "<several functions>"
        if not name.isidentifier():
            raise InputError(f"this {self.kind} has no name of its own: give it one with register(name, ...)")
        return self.register(name, given)

    def is_user(self, name: str) -> bool:
        """Whether a user registered this name."""
        return name in self._rows and name not in self._built_in

    def fingerprint(self, name: str) -> str | None:
        """What a user's row computes, as 64 hex digits; None for the library's own, whose name says it.

        Read anew at every call: a global number that has changed since gives another one.

        Raises:
            KeyError: no such row.
            Unfingerprintable: a row that refers to what has no fingerprint.
        """
        row = self._rows[name]
        return None if name in self._built_in else fingerprint(row, f"{self.kind} {name!r}")

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {self.kind}: {', '.join(self)}>"

    @property
    def _a_kind(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def _row_of(self, given: Any) -> Row:
        if isinstance(given, self.row_type):
            row = given
        elif self._from_function is not None and callable(given) and not isinstance(given, type):
            row = self._from_function(given)
        else:
            wanted = f"{'an' if self.row_type.__name__[0] in 'AEIOU' else 'a'} {self.row_type.__name__}"
            wanted += " or a function" if self._from_function else ""
            raise InputError(f"{shown(given)} is no {self.kind}: give {wanted}")
        if self._check is not None:
            self._check(row)
        return row

    def _is_same(self, name: str, row: Row) -> bool:
        there = self._rows[name]
        if all(a is b or (not callable(a) and a == b) for a, b in zip(there, row, strict=True)):
            return True
        try:
            return self.is_user(name) and self.fingerprint(name) == fingerprint(row, name)
        except Unfingerprintable:
            return False


def is_from(package: str, function: Callable[..., Any]) -> bool:
    """Whether a function was written in this package.

    >>> is_from("jax", jax.nn.relu)
    True
    """
    return (getattr(function, "__module__", None) or "").partition(".")[0] == package
