"""The numbers that a network and its loss read: the library's own and a user's."""

from collections.abc import Iterable, Mapping
from typing import Any

from flax import struct
from flax.core import FrozenDict

from jaxmlp.errors import InputError
from jaxmlp.nn.ranges import ranged

USER = "user."
"""What the name of a user's number begins with, as in `user.temperature`."""


class NetHyper(struct.PyTreeNode):
    """The numbers a network and its loss read; any may be a traced array, so new values never recompile.

    Each field's default is the documents' common value; `init_gain` 1 and rates of 0 are neutral.

    >>> NetHyper(dropout_rate=0.5).dropout_rate, NetHyper().norm_eps
    (0.5, 1e-05)
    """

    init_gain: Any = ranged(1.0, at_least=0)
    """Multiplies every weight's initial scale; s of the initializers N(0, s²) and U(−s, s)."""
    leaky_slope: Any = ranged(0.01, at_least=0)
    """Slope of leaky ReLU below 0 (S-053)."""
    prelu_slope: Any = ranged(0.25, at_least=0)
    """Where PReLU's learned slopes start (S-054)."""
    elu_alpha: Any = ranged(1.0, at_least=0)
    """α of ELU (S-055)."""
    norm_eps: Any = ranged(1e-5, above=0)
    """ε of the norms (S-025; D4 uses 1e-3: S-029)."""
    norm_momentum: Any = ranged(0.1, above=0, at_most=1)
    """m in running ← (1 − m) running + m batch (S-025)."""
    running_var_start: Any = ranged(1.0, at_least=0)
    """Running variance before the first update: 1 as in PyTorch, 0 as in D0 (S-025, A-12)."""
    dropout_rate: Any = ranged(0.0, at_least=0, below=1)
    """Drop probability; read only where `MLPSpec.dropout` is on."""
    smoothing: Any = ranged(0.1, at_least=0, below=1)
    """ε of the losses with smoothed targets (S-066); 0 is neutral."""
    margin: Any = ranged(5.0, at_least=0)
    """Δ of the hinge losses: 5 in D2 (S-062), 1 in CS231n (S-063)."""
    user: Mapping[str, Any] = struct.field(default_factory=FrozenDict, metadata={"neutral": FrozenDict()})
    """A user's own numbers, by the name that a row of a table asks for: `{"temperature": 2.0}` is `user.temperature`.
    In a study only those go along that a row of the spec names."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, str | bytes):
                raise InputError(f"{name.replace('_', ' ')} is {value!r}: give a number")
        # Immutable and hashable, as all else here. Not a mapping where JAX puts placeholders in place of numbers.
        if isinstance(self.user, Mapping) and not isinstance(self.user, FrozenDict):
            object.__setattr__(self, "user", FrozenDict(self.user))

    def number(self, name: str) -> Any:
        """The number of a name: a field, or one of the user's.

        Raises:
            InputError: a user's number that is not there.

        >>> NetHyper(user={"temperature": 2.0}).number("user.temperature"), NetHyper().number("elu_alpha")
        (2.0, 1.0)
        """
        if not name.startswith(USER):
            return getattr(self, name)
        key = name.removeprefix(USER)
        if key not in self.user:
            there = ", ".join(map(repr, sorted(self.user))) or "nothing"
            raise InputError(
                f"{name} is missing, user has {there}: give Hyper(user={{{key!r}: ...}}), and list it in the row's "
                "`numbers`"
            )
        return self.user[key]


def user_numbers(numbers: Iterable[str]) -> tuple[str, ...]:
    """The user's among some numbers, by their key in `NetHyper.user`, each once and in order."""
    return tuple(dict.fromkeys(name.removeprefix(USER) for name in numbers if name.startswith(USER)))


def check_number(name: object) -> None:
    """Raise `InputError` unless a row may ask for this number: a field of `NetHyper`, or `user.` and a name."""
    known = [field for field in NetHyper.__dataclass_fields__ if field != "user"]
    if name not in known and not is_user_number(name):
        raise InputError(f"number {name!r}: give 'user.NAME' for one of your own, or one of {', '.join(known)}")


def is_user_number(name: object) -> bool:
    """Whether this is `user.` and a word."""
    return isinstance(name, str) and name.startswith(USER) and name.removeprefix(USER).isidentifier()


def check_user_numbers(names: object) -> None:
    """Raise `InputError` unless these are names of the user's numbers, as a row that reads the whole hyper has them."""
    if not isinstance(names, tuple) or not all(map(is_user_number, names)):
        raise InputError(f"numbers {names!r}: give the user's numbers that are read, such as ('user.half_life',)")
