"""The one exception that means "the input was wrong", with a message a person can act on."""

import errno
import os
import re
from collections.abc import Iterable

MOST = 2**31 - 1
"""Of anything that is counted: what 32 bits hold, since XLA counts with them."""
_NO_MEMORY = re.compile("RESOURCE_EXHAUSTED|out of memory|bad_alloc|cannot allocate memory|failed to allocate", re.I)
"""How XLA, its allocators and the C library say it; which one depends on who was asked."""


class InputError(ValueError):
    """Input a user can correct: one line that says what was given, what is accepted and what to do.

    The command line prints it as one line and exits with 2; anything else that escapes is a bug. What it quotes may
    have lines of its own: they become one.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(" ".join(line.strip() for line in str(message).splitlines()))


def shown(value: object) -> str:
    """A value as a message quotes it: one line, and not a long one.

    >>> shown("a" * 100)[:5], len(shown("a" * 100))
    ("'aaaa", 80)
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an object whose repr is broken has no better name
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_count(what: str, given: object) -> None:
    """Raise `InputError` unless `given` is a positive integer of 32 bits.

    >>> check_count("epochs", 15)
    >>> check_count("epochs", 0)
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: epochs is 0: give a positive integer
    """
    if type(given) is not int or given < 1:
        raise InputError(f"{what} is {shown(given)}: give a positive integer")
    if given > MOST:
        raise InputError(f"{what} is {float(min(given, 10**300)):.3g}: give a positive integer below 2**31")


def check_choice(what: str, given: object, accepted: Iterable[str]) -> None:
    """Raise `InputError` unless `given` is one of `accepted`; `what` names the thing, e.g. "activation"."""
    names = list(accepted)
    if not isinstance(given, str) or given not in names:
        raise InputError(f"unknown {what} {shown(given)}: choose one of {', '.join(names)}")


def ran_out(error: BaseException) -> bool:
    """Whether this is memory running out, on the host or on a device.

    >>> ran_out(RuntimeError("INTERNAL: Failed to allocate 8 bytes")), ran_out(MemoryError()), ran_out(OSError(28, ""))
    (True, True, False)
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)) is not None


def check_type(what: str, given: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Raise `InputError` unless `given` is of a type; `wanted` says in words what to give.

    >>> check_type("the name", "iris", str, "a text")
    """
    if not isinstance(given, kind):
        raise InputError(f"{what} is {shown(given)}: give {wanted}")


def check_path(what: str, given: object) -> None:
    """Raise `InputError` unless `given` is a path: a text or a `Path`, not empty, as the system can have it."""
    check_type(what, given, (str, os.PathLike), "a path")
    text = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(text, str) or not text or "\0" in text:
        raise InputError(f"{what} is {shown(given)}: give a path")
    try:
        os.stat(text)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
            return  # such as a folder that may not be looked into: who uses it says so
        raise InputError(f"{what} is {shown(given)}, no path here ({getattr(error, 'strerror', error)})") from None
